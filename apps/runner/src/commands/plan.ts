import { isTampError } from '@tamp/core';
import { fitMemory, planRecipe, tryRun } from '@tamp/recipe';
import { startBackend } from '../backend.js';
import { exitCodes } from '../exit-codes.js';
import { measureMachine } from '../host/measure-machine.js';
import { fitText } from '../terminal/fit-text.js';
import { planText } from '../terminal/plan-text.js';
import type { CommandContext } from './command-context.js';
import { loadRecipe } from './recipe-file.js';

/** Options of `tamp plan`. */
export interface PlanCommandOptions {
  readonly json?: boolean;
  readonly threads?: number;
  /** False for `--no-eval`. */
  readonly eval: boolean;
  /** Bytes. */
  readonly maxMemory?: number;
}

/** Says what running a recipe would do and cost; resolves with the exit code. */
export async function planCommand(
  path: string,
  options: PlanCommandOptions,
  { terminal }: CommandContext,
): Promise<number> {
  const { prepared } = await loadRecipe(path, { evaluate: options.eval });
  try {
    const backend = await startBackend(options.threads ?? prepared.recipe.backend.threads);
    try {
      const speed = await measureMachine();
      const { maxMemory } = options;
      const fitting = maxMemory === undefined ? prepared : fitMemory(prepared, maxMemory, speed);
      const fit = maxMemory === undefined ? undefined : fitText(prepared, fitting, maxMemory);
      if (fit !== undefined) terminal.say(fit);
      const tried = await tryRun(fitting).catch((error: unknown) => {
        if (!isTampError(error)) throw error;
        terminal.say(`Times are estimates without a trial, which failed: ${error.message}`);
        return undefined;
      });
      const plan = planRecipe(fitting, speed, tried);
      terminal.result(options.json === true ? JSON.stringify(plan) : planText(terminal, plan));
      return exitCodes.done;
    } finally {
      backend.stop();
    }
  } finally {
    await prepared.close();
  }
}
