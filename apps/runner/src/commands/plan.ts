import { planRecipe } from '@tamp/recipe';
import { exitCodes } from '../exit-codes.js';
import { planText } from '../terminal/plan-text.js';
import type { CommandContext } from './command-context.js';
import { loadRecipe } from './recipe-file.js';

/** Options of `tamp plan`. */
export interface PlanCommandOptions {
  readonly json?: boolean;
}

/** Says what running a recipe would do and cost; resolves with the exit code. */
export async function planCommand(
  path: string,
  options: PlanCommandOptions,
  { terminal }: CommandContext,
): Promise<number> {
  const { prepared } = await loadRecipe(path);
  try {
    const plan = planRecipe(prepared);
    terminal.result(options.json === true ? JSON.stringify(plan) : planText(terminal, plan));
    return exitCodes.done;
  } finally {
    await prepared.close();
  }
}
