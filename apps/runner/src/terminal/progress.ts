import type { Stage } from '@tamp/report';
import { liveProgress } from './live-progress.js';
import { plainProgress } from './plain-progress.js';
import type { Terminal } from './terminal.js';

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
