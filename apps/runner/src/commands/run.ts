import { dirname, resolve } from 'node:path';
import { makeFolder } from '@tamp/core/node';
import { fitMemory, type MissedGate, type RunResult, runRecipe, stagesOf } from '@tamp/recipe';
import { missedGateText, runStages } from '@tamp/report';
import { startBackend } from '../backend.js';
import { exitCodes } from '../exit-codes.js';
import { shownPath } from '../host/open-model.js';
import { createProgress } from '../terminal/create-progress.js';
import { fitText } from '../terminal/fit-text.js';
import type { Progress } from '../terminal/progress.js';
import { resultText } from '../terminal/result-text.js';
import type { Terminal } from '../terminal/terminal.js';
import type { CommandContext } from './command-context.js';
import { loadRecipe } from './recipe-file.js';

/** Options of `tamp run`. */
export interface RunCommandOptions {
  readonly json?: boolean;
  readonly threads?: number;
  /** False for `--no-eval`. */
  readonly eval: boolean;
  readonly keep?: boolean;
  /** Bytes. */
  readonly maxMemory?: number;
  readonly resume?: boolean;
}

function tellMissedGates(terminal: Terminal, missed: readonly MissedGate[], kept: boolean): void {
  for (const gate of missed) terminal.fail(terminal.wordColors.red(`missed: ${missedGateText(gate)}`));
  terminal.fail(
    kept
      ? 'The archive was written all the same (--keep).'
      : 'No archive was written; --keep writes it all the same.',
  );
}

async function writeReports(
  paths: readonly string[],
  folder: string,
  result: RunResult,
  terminal: Terminal,
): Promise<void> {
  if (paths.length === 0) return;
  // Charts and the page's document take a third of a second to load: only for those who want them.
  const { writeReport } = await import('../report/write-report.js');
  for (const path of paths) {
    const absolute = resolve(folder, path);
    await makeFolder(dirname(absolute));
    await writeReport(result, absolute);
    terminal.say(`Report: ${shownPath(absolute)}`);
  }
}

/** Runs a recipe; resolves with the exit code. */
export async function runCommand(
  path: string,
  options: RunCommandOptions,
  context: CommandContext,
): Promise<number> {
  const { terminal, signal } = context;
  const { prepared: loaded, host, folder } = await loadRecipe(path, { evaluate: options.eval });
  try {
    const backend = await startBackend(options.threads ?? loaded.recipe.backend.threads);
    let progress: Progress | undefined;
    try {
      const { maxMemory } = options;
      const prepared =
        maxMemory === undefined
          ? loaded
          : // Measuring the whole machine would take more memory than many runs.
            fitMemory(loaded, maxMemory, { processBytes: process.memoryUsage.rss() });
      const fit = maxMemory === undefined ? undefined : fitText(loaded, prepared, maxMemory);
      if (fit !== undefined) terminal.say(fit);
      const shown = createProgress(
        terminal,
        stagesOf(prepared).map((stage) => runStages[stage]),
      );
      progress = shown;
      const { result, missedGates } = await runRecipe(prepared, host, {
        signal,
        keepOnMissedGate: options.keep === true,
        resume: options.resume === true,
        onWarning: (message) => terminal.say(terminal.wordColors.yellow(`warning: ${message}`)),
        onEvent(event) {
          if (event.kind === 'start') shown.start(event.stage);
          else if (event.kind === 'end') shown.end(event.stage);
          else shown.update(event.stage, event.done, event.total, event.detail);
        },
      });
      await shown.close();
      if (options.json === true) terminal.result(JSON.stringify(result));
      else if (!terminal.quiet) terminal.result(resultText(terminal, result));
      await writeReports(prepared.recipe.report, folder, result, terminal);
      if (missedGates.length === 0) return exitCodes.done;
      tellMissedGates(terminal, missedGates, options.keep === true);
      return exitCodes.gateMissed;
    } finally {
      await progress?.close();
      backend.stop();
    }
  } finally {
    await loaded.close();
  }
}
