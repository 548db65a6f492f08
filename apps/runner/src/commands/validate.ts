import { isTampError, type TampError } from '@tamp/core';
import { RecipeError } from '@tamp/recipe';
import { amountText } from '@tamp/report';
import { exitCodeOf, exitCodes } from '../exit-codes.js';
import type { CommandContext } from './command-context.js';
import { loadRecipe } from './recipe-file.js';

/** Options of `tamp validate`. */
export interface ValidateCommandOptions {
  readonly json?: boolean;
}

function plainProblem(problem: TampError): object {
  return { message: problem.message, problem: problem.problem, ...problem.at, remedy: problem.remedy };
}

/** Checks a recipe against its modifiers, model and texts; resolves with the exit code. */
export async function validateCommand(
  path: string,
  options: ValidateCommandOptions,
  { terminal }: CommandContext,
): Promise<number> {
  try {
    const { prepared } = await loadRecipe(path);
    await prepared.close();
    if (options.json === true)
      terminal.result(JSON.stringify({ valid: true, problems: [], warnings: prepared.warnings }));
    else {
      for (const warning of prepared.warnings)
        terminal.say(terminal.wordColors.yellow(`warning: ${warning}`));
      const layers = prepared.modifiers.reduce((total, { plan }) => total + plan.targets.length, 0);
      terminal.say(
        `${path} is valid: ${amountText(prepared.modifiers.length, 'modifier')} for ${amountText(layers, 'layer')}.`,
      );
    }
    return exitCodes.done;
  } catch (error) {
    if (options.json !== true || !isTampError(error)) throw error;
    const problems = error instanceof RecipeError ? error.problems : [error];
    terminal.result(JSON.stringify({ valid: false, problems: problems.map(plainProblem) }));
    return exitCodeOf(error);
  }
}
