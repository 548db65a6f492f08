import { createHash } from 'node:crypto';
import { access, constants, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type CheckpointStore, TampError } from '@tamp/core';
import { checkpointFolder } from '@tamp/core/node';
import { isAlive } from './process-alive.js';

/** The process that a claim names; undefined when it is gone or names none. */
async function claimedBy(claim: string): Promise<number | undefined> {
  const pid = Number(await readFile(claim, 'utf8').catch(() => ''));
  return Number.isSafeInteger(pid) && pid > 0 && isAlive(pid) ? pid : undefined;
}

/** Claims a place for this process; rejects with a `TampError` (`io`) when another one has it. Gives what ends the claim. */
async function claimPlace(place: string): Promise<() => Promise<void>> {
  const name = createHash('sha256').update(place).digest('hex').slice(0, 16);
  const claim = join(tmpdir(), `tamp-run-${name}.pid`);
  const write = (flag: string): Promise<void> => writeFile(claim, String(process.pid), { flag });
  try {
    await write('wx');
  } catch {
    const pid = await claimedBy(claim);
    if (pid !== undefined) {
      throw new TampError(`process ${pid} is at work on the same run`, { code: 'io', at: { file: place } });
    }
    // What a killed process has left.
    await write('w').catch(() => undefined);
  }
  return () => rm(claim, { force: true });
}

/**
 * The place beside a recipe that keeps where a run stands, claimed for this process until it is closed. Rejects with a
 * `TampError` (`io`) when the folder cannot be written to and while another process has claimed the place.
 */
export async function openRunCheckpoint(folder: string, key: string): Promise<CheckpointStore> {
  await access(folder, constants.W_OK).catch((cause: unknown) => {
    throw new TampError("the recipe's folder cannot be written to", {
      code: 'io',
      at: { file: folder },
      cause,
    });
  });
  const place = resolve(folder, `.tamp-resume-${key.slice(0, 16)}`);
  const release = await claimPlace(place);
  const store = checkpointFolder(place);
  return {
    ...store,
    async close() {
      await store.close();
      await release();
    },
  };
}
