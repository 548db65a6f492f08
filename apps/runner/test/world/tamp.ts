import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const bin = fileURLToPath(new URL('../../bin/tamp.js', import.meta.url));

/** What a finished command left. */
export interface CommandOutcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a command is started. */
export interface CommandOptions {
  readonly cwd: string;
  /** Sends a signal once this has appeared on stderr. */
  readonly interruptAt?: string;
  /** The signal; default SIGINT. */
  readonly signal?: NodeJS.Signals;
}

/** Runs `tamp` in a process of its own. */
export function tamp(args: readonly string[], options: CommandOptions): Promise<CommandOutcome> {
  const { cwd, interruptAt, signal = 'SIGINT' } = options;
  const child = spawn(process.execPath, [bin, ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  let interrupted = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    if (interruptAt === undefined || interrupted || !stderr.includes(interruptAt)) return;
    interrupted = true;
    child.kill(signal);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}
