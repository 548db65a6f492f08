import { isTampError } from '@tamp/core';
import { CommanderError } from 'commander';
import { createProgram } from './cli.js';
import { exitCodeOf, exitCodes, stopSignals } from './exit-codes.js';
import { processTerminal } from './terminal/terminal.js';

const terminal = processTerminal();
const controller = new AbortController();
/** What the exit status becomes when a signal stops the command. */
let stoppedWith: number = exitCodes.interrupted;

function tell(error: unknown): void {
  const { red } = terminal.wordColors;
  if (controller.signal.aborted) terminal.fail('Interrupted; nothing half-written is left.');
  else if (isTampError(error)) {
    for (const line of error.message.split('\n')) terminal.fail(`${red('error:')} ${line}`);
  } else {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    terminal.fail(`${red('error:')} this is a defect of tamp, please report it: ${what}`);
  }
}

for (const [name, code] of stopSignals) {
  process.on(name, () => {
    // The second one means it: whatever is running cannot be waited for.
    if (controller.signal.aborted) process.exit(code);
    stoppedWith = code;
    terminal.fail('\nStopping … (once more to stop at once)');
    controller.abort();
  });
}
// A reader that has seen enough (`tamp inspect … | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(exitCodes.done);
  throw error;
});

try {
  await createProgram(controller.signal, (code) => {
    process.exitCode = code;
  }).parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  } else {
    tell(error);
    process.exitCode = controller.signal.aborted ? stoppedWith : exitCodeOf(error);
  }
}
