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
  /** Sends a signal at the first output. */
  readonly interruptAtOutput?: boolean;
  /** What the command reads on stdin; default: nothing, stdin is closed. */
  readonly input?: string | Uint8Array;
  /** Further variables of the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** The signal; default SIGINT. */
  readonly signal?: NodeJS.Signals;
}

/** Runs `tamp` in a process of its own. */
export function tamp(args: readonly string[], options: CommandOptions): Promise<CommandOutcome> {
  const { cwd, interruptAt, interruptAtOutput = false, input, signal = 'SIGINT' } = options;
  const child = spawn(process.execPath, [bin, ...args], {
    cwd,
    // Whatever the tests themselves were started with.
    env: { ...process.env, FORCE_COLOR: '', NO_COLOR: '', ...options.env },
    stdio: 'pipe',
  });
  // A command that does not read it may be gone before it is written.
  child.stdin.on('error', () => {}).end(input);
  let stdout = '';
  let stderr = '';
  let interrupted = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    if (!interruptAtOutput || interrupted) return;
    interrupted = true;
    child.kill(signal);
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
