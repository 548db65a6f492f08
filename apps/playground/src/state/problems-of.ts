import { EngineError } from '../engine/connection.js';
import type { Failure, Problem } from '../engine/failure.js';

/** A caught value as a failure. */
export function failureOf(error: unknown): Failure {
  if (error instanceof EngineError) return error.failure;
  const problem = error instanceof Error ? error.message : String(error);
  return { kind: 'failed', message: problem, problems: [{ problem, at: {} }] };
}

/** A caught value as things that are wrong; none when it was cancelled. */
export function problemsOf(error: unknown): readonly Problem[] {
  return failureOf(error).problems;
}
