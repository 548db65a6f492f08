import { type ErrorLocation, isTampError } from '@tamp/core';
import { RecipeError } from '@tamp/recipe';

/** One thing that is wrong, as plain data. */
export interface Problem {
  readonly problem: string;
  readonly remedy?: string;
  readonly at: ErrorLocation;
}

/** Why a call failed, as plain data that travels between threads. */
export interface Failure {
  readonly kind: 'failed' | 'aborted' | 'device-lost';
  /** All of it in one text. */
  readonly message: string;
  /** At least one, unless it was aborted. */
  readonly problems: readonly Problem[];
}

function problemOf(error: { problem: string; remedy: string | undefined; at: ErrorLocation }): Problem {
  const { problem, remedy, at } = error;
  return { problem, at, ...(remedy === undefined ? {} : { remedy }) };
}

/** A caught value as plain data; `aborted` says whether the call was no longer wanted. */
export function failureOf(error: unknown, aborted = false): Failure {
  if (aborted) return { kind: 'aborted', message: 'It was cancelled.', problems: [] };
  if (error instanceof RecipeError) {
    return { kind: 'failed', message: error.message, problems: error.problems.map(problemOf) };
  }
  if (isTampError(error)) return { kind: 'failed', message: error.message, problems: [problemOf(error)] };
  const message = error instanceof Error ? error.message : String(error);
  const problem = `the engine failed: ${message}`;
  return {
    kind: 'failed',
    message: problem,
    problems: [{ problem, at: {}, remedy: 'Reload the page; report this if it happens again.' }],
  };
}
