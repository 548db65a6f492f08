import type { Stage } from '@tamp/report';
import { liveProgress } from './live-progress.js';
import { plainProgress } from './plain-progress.js';
import type { Progress } from './progress.js';
import type { Terminal } from './terminal.js';

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
