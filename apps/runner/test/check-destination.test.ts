import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const module = new URL('../dist/host/check-destination.js', import.meta.url).href;

/** What is said of a path by a process that is not root, whose every write is permitted. */
async function problemOf(path: string): Promise<string> {
  const script = `
    const { checkDestination } = await import(${JSON.stringify(module)});
    if (process.getuid() === 0) process.setuid(65534);
    try {
      checkDestination(${JSON.stringify(path)}, 'a.tamp.zip');
    } catch (error) {
      console.log(error.message);
    }`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
  return stdout.trim();
}

it('a folder that may not be written to is found before any work', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tamp-destination-'));
  const closed = join(folder, 'closed');
  const open = join(folder, 'open');
  mkdirSync(closed);
  mkdirSync(open);
  chmodSync(folder, 0o755);
  chmodSync(closed, 0o555);
  chmodSync(open, 0o777);
  try {
    const expected = `a.tamp.zip cannot be written: the folder ${closed} may not be written to. Write somewhere else, or change the permissions of the folder.`;
    expect(await problemOf(join(closed, 'a.tamp.zip'))).toBe(expected);
    expect(await problemOf(join(closed, 'new/folders/a.tamp.zip'))).toBe(expected);
    expect(await problemOf(join(open, 'new/folders/a.tamp.zip'))).toBe('');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
