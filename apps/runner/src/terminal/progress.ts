import { liveProgress } from './live-progress.js';
import { plainProgress } from './plain-progress.js';
import type { Terminal } from './terminal.js';

/** A part of a command's work that takes a while. */
export interface Stage {
  readonly key: string;
  /** What is going on: `Evaluating the model before`. */
  readonly title: string;
  /** What is counted, in the singular: `window`, `layer`; bytes are `byte`. */
  readonly unit: string;
}

/** Shows how work goes on. Stages come in the order they were announced. */
export interface Progress {
  start(key: string): void;
  update(key: string, done: number, total: number, detail?: string): void;
  end(key: string): void;
  /** Ends the display, whether or not all stages came to their end; resolves when it is drawn. */
  close(): Promise<void>;
}

const silent: Progress = {
  start() {},
  update() {},
  end() {},
  async close() {},
};

/** Moving lines in a terminal, plain lines elsewhere, nothing when quiet. */
export function createProgress(terminal: Terminal, stages: readonly Stage[]): Progress {
  if (terminal.quiet) return silent;
  return terminal.live ? liveProgress(stages) : plainProgress(terminal, stages);
}
