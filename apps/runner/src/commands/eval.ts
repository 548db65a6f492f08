import { resolve } from 'node:path';
import { cutWindows, measurePerplexity } from '@tamp/recipe';
import { amountText, bytesText, durationText } from '@tamp/report';
import { startBackend } from '../backend.js';
import { exitCodes } from '../exit-codes.js';
import { openModelAt, shownPath } from '../host/open-model.js';
import { openTokenizerAt, tokenizerOf } from '../host/open-tokenizer.js';
import { readTextAt } from '../host/read-text.js';
import { createProgress } from '../terminal/create-progress.js';
import type { CommandContext } from './command-context.js';

/** Options of `tamp eval`. */
export interface EvalCommandOptions {
  readonly text: string;
  readonly sequenceLength: number;
  readonly windows?: number;
  readonly tokenizer?: string;
  readonly threads?: number;
  readonly json?: boolean;
}

/** Measures a model's perplexity on a text; resolves with the exit code. */
export async function evalCommand(
  path: string,
  options: EvalCommandOptions,
  context: CommandContext,
): Promise<number> {
  const { terminal, signal } = context;
  const text = await readTextAt(resolve(options.text));
  const opened = await openModelAt(resolve(path));
  const tokenizerFiles =
    options.tokenizer === undefined
      ? undefined
      : await openTokenizerAt(resolve(options.tokenizer)).catch(async (error: unknown) => {
          await opened.close();
          throw error;
        });
  try {
    const started = performance.now();
    const { model } = opened;
    const tokenizer = await tokenizerOf(
      tokenizerFiles === undefined ? model : { ...model, assets: tokenizerFiles.assets },
      'Name the folder of its tokenizer with --tokenizer.',
    );
    const windows = cutWindows(tokenizer.encode(text), {
      sequenceLength: options.sequenceLength,
      ...(options.windows === undefined ? {} : { count: options.windows }),
      file: options.text,
    });
    const backend = await startBackend(options.threads);
    const stage = { key: 'evaluate', title: `Evaluating ${shownPath(opened.name)}`, unit: 'window' };
    const progress = createProgress(terminal, [stage]);
    try {
      progress.start(stage.key);
      const result = await measurePerplexity(model, windows, {
        signal,
        file: options.text,
        onProgress: (done, total) => progress.update(stage.key, done, total),
      });
      progress.end(stage.key);
      await progress.close();
      const seconds = (performance.now() - started) / 1000;
      const peakMemoryBytes = process.resourceUsage().maxRSS * 1024;
      if (options.json === true) {
        terminal.result(JSON.stringify({ model: opened.name, ...result, seconds, peakMemoryBytes }));
      } else {
        terminal.result(`perplexity ${result.perplexity.toFixed(6)}`);
        terminal.say(
          `${amountText(result.windows, 'window')} of ${options.sequenceLength} tokens, ${durationText(seconds)}, at most ${bytesText(peakMemoryBytes)} of memory`,
        );
      }
      return exitCodes.done;
    } finally {
      await progress.close();
      backend.stop();
    }
  } finally {
    await tokenizerFiles?.close();
    await opened.close();
  }
}
