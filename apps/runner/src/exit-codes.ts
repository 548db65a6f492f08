import { isTampError } from '@tamp/core';

/** What the command's exit status means. */
export const exitCodes = {
  done: 0,
  /** Something went wrong that was not the caller's doing. */
  failed: 1,
  /** A bad recipe, option or argument. */
  usage: 2,
  /** The run went well, but its result is not good enough. */
  gateMissed: 3,
  /** Stopped by SIGINT, as shells count it: 128 + 2. */
  interrupted: 130,
} as const;

/** Signals that end a command cleanly, with the exit status that shells give them: 128 and their number. */
export const stopSignals: readonly (readonly [NodeJS.Signals, number])[] = [
  ['SIGINT', exitCodes.interrupted],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
];

/** The exit status for an error that ended a command. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof DOMException && error.name === 'AbortError') return exitCodes.interrupted;
  return isTampError(error) && error.code === 'usage' ? exitCodes.usage : exitCodes.failed;
}
