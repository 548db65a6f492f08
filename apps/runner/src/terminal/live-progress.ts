import { type Stage, stageText } from '@tamp/report';
import { Listr, ListrLogger, type ListrTaskWrapper, PRESET_TIMER, ProcessOutput } from 'listr2';
import type { Progress } from './progress.js';

type Line = Pick<ListrTaskWrapper<unknown, never, never>, 'output'>;

/** A line of the display and the promise it waits for. */
interface Slot {
  readonly stage: Stage;
  readonly finished: Promise<void>;
  readonly finish: () => void;
  readonly cancel: (reason: Error) => void;
  started: number;
  line: Line | undefined;
}

function createSlot(stage: Stage): Slot {
  let finish = (): void => {};
  let cancel = (_reason: Error): void => {};
  const finished = new Promise<void>((resolve, reject) => {
    finish = resolve;
    cancel = reject;
  });
  // A stage that never starts is cancelled without anyone waiting for it.
  finished.catch(() => undefined);
  return { stage, finished, finish, cancel, started: 0, line: undefined };
}

/** Progress as moving lines in a terminal, on stderr. */
export function liveProgress(stages: readonly Stage[]): Progress {
  const slots = new Map(stages.map((stage) => [stage.key, createSlot(stage)]));
  const list = new Listr(
    [...slots.values()].map((slot) => ({
      title: slot.stage.title,
      task: async (_: unknown, task: Line): Promise<void> => {
        slot.line = task;
        await slot.finished;
      },
    })),
    {
      exitOnError: true,
      // The command handles signals itself: it cleans up before it ends.
      registerSignalListeners: false,
      rendererOptions: {
        logger: new ListrLogger({ processOutput: new ProcessOutput(process.stderr, process.stderr) }),
        timer: PRESET_TIMER,
        showErrorMessage: false,
      },
    },
  );
  const drawn = list.run().catch(() => undefined);
  return {
    start(key) {
      const slot = slots.get(key);
      if (slot !== undefined) slot.started = performance.now();
    },
    update(key, done, total, detail) {
      const slot = slots.get(key);
      if (slot?.line === undefined) return;
      const seconds = (performance.now() - slot.started) / 1000;
      slot.line.output = stageText(slot.stage, done, total, seconds, detail);
    },
    end(key) {
      slots.get(key)?.finish();
    },
    async close() {
      for (const slot of slots.values()) slot.cancel(new Error('stopped'));
      await drawn;
    },
  };
}
