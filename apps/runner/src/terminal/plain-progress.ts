import { durationText, type Stage, stageText } from '@tamp/report';
import type { Progress } from './progress.js';
import type { Terminal } from './terminal.js';

/** Log files should not drown: a line this often, and only for stages that take longer. */
const secondsBetweenLines = 10;

/** Progress as lines of text, for logs and pipes. */
export function plainProgress(terminal: Terminal, stages: readonly Stage[]): Progress {
  let started = 0;
  let told = 0;
  const stageOf = (key: string): Stage =>
    stages.find((stage) => stage.key === key) ?? { key, title: key, unit: 'step' };
  return {
    start(key) {
      started = performance.now();
      told = started;
      terminal.say(`${stageOf(key).title} …`);
    },
    update(key, done, total, detail) {
      const now = performance.now();
      if (now - told < secondsBetweenLines * 1000) return;
      told = now;
      terminal.say(`  ${stageText(stageOf(key), done, total, (now - started) / 1000, detail)}`);
    },
    end() {
      terminal.say(`  done in ${durationText((performance.now() - started) / 1000)}`);
    },
    async close() {},
  };
}
