import { accessSync, closeSync, constants, openSync, readSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { TampError } from '@tamp/core';

/** How every JSON report begins. */
const reportStart = '{\n  "model": ';

function statOf(path: string, shown: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    throw new TampError(`${shown} cannot be written: something above it is no folder that can be entered`, {
      code: 'usage',
      remedy: 'Write somewhere else.',
      cause,
    });
  }
}

/** Throws a `TampError` (`usage`) when the folder that a file goes into, or is to be made in, may not be written to. */
function checkFolder(path: string, shown: string): void {
  let folder = dirname(path);
  while (statOf(folder, shown) === undefined && dirname(folder) !== folder) folder = dirname(folder);
  try {
    accessSync(folder, constants.W_OK);
  } catch (cause) {
    throw new TampError(`${shown} cannot be written: the folder ${folder} may not be written to`, {
      code: 'usage',
      remedy: 'Write somewhere else, or change the permissions of the folder.',
      cause,
    });
  }
}

/**
 * Throws a `TampError` (`usage`) when no file can have this absolute path, or none can be written there. `shown` is the
 * path as it was given.
 */
export function checkDestination(path: string, shown: string): void {
  if (statOf(path, shown)?.isDirectory() === true) {
    throw new TampError(`${shown} is a folder`, { code: 'usage', remedy: 'Give the file another name.' });
  }
  checkFolder(path, shown);
}

/**
 * Throws a `TampError` (`usage`) when a JSON file that is no report has this absolute path: a model's `config.json`
 * must not be lost to a slip of the pen.
 */
export function checkReplaced(path: string, shown: string): void {
  if (!path.endsWith('.json') || statOf(path, shown)?.isFile() !== true) return;
  const start = Buffer.alloc(reportStart.length);
  const file = openSync(path, 'r');
  try {
    readSync(file, start, 0, start.length, 0);
  } finally {
    closeSync(file);
  }
  if (start.toString() === reportStart) return;
  throw new TampError(`${shown} is there and is no report`, {
    code: 'usage',
    remedy: 'Give the report another name.',
  });
}
