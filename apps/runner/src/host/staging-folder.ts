import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { isAlive } from './process-alive.js';

/** Names of this machine's staging folders; the process's number follows. */
const prefix = `.tamp-${hostname().replace(/[^\w]/g, '_')}-`;

/**
 * Makes a hidden folder in `folder` for files that are not complete yet, and removes those that killed processes of
 * this machine have left there.
 */
export async function stagingFolder(folder: string): Promise<string> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(prefix)) continue;
    const pid = /^(\d+)-\w{6}$/.exec(name.slice(prefix.length))?.[1];
    if (pid !== undefined && !isAlive(Number(pid)))
      await rm(join(folder, name), { recursive: true, force: true });
  }
  return mkdtemp(join(folder, `${prefix}${process.pid}-`));
}
