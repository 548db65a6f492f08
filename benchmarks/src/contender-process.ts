import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Contender } from './cases.js';
import type { Reply, Request } from './child.js';

/** Milliseconds that a process has to free what it holds. */
const LAST_WORDS = 2000;

/** A contender in a process of its own, so that no one's garbage or threads disturb another. */
export class ContenderProcess {
  readonly contender: Contender;
  readonly #child: ChildProcess;

  constructor(contender: Contender, node: string) {
    this.contender = contender;
    this.#child = fork(fileURLToPath(new URL('./child.js', import.meta.url)), [], {
      execPath: node,
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
  }

  /** Sends a request and waits for the answer; a process that ends is an answer too. */
  ask(request: Request): Promise<Reply> {
    return new Promise((resolve) => {
      const ended = (): void => resolve({ ok: false, problem: 'the process ended' });
      this.#child.once('exit', ended);
      this.#child.once('message', (reply: Reply) => {
        this.#child.off('exit', ended);
        resolve(reply);
      });
      this.#child.send(request);
    });
  }

  /** Lets the process free what it holds, files among it, and ends it if it does not. */
  stop(): void {
    if (this.#child.connected) this.#child.disconnect();
    setTimeout(() => this.#child.kill(), LAST_WORDS).unref();
    this.#child.unref();
  }
}
