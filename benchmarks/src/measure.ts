import { setTimeout as sleep } from 'node:timers/promises';
import type { Comparison, Contender } from './cases.js';
import type { StepTime } from './child.js';
import { ContenderProcess } from './contender-process.js';

/** One contender's times on one case. */
export interface Measurement {
  readonly contender: Contender;
  /** Medians of milliseconds per run. */
  readonly wall: number;
  readonly processor: number;
  /**
   * Median over rounds of this contender's time over the yardstick's in the same round. With one thread of the
   * processor, a time is the smaller of the fastest run by the clock and the mean processor time: neither can be
   * shorter than an undisturbed run, and other work lengthens at most one of them. Otherwise it is the clock's.
   */
  readonly ratio: number;
  readonly relativeError: number;
}

/** All contenders on one case; those that failed are named with the reason. */
export interface Result {
  readonly comparison: Comparison;
  readonly measurements: readonly Measurement[];
  readonly failures: readonly { readonly contender: Contender; readonly problem: string }[];
}

/** How long to measure. */
export interface Effort {
  readonly rounds: number;
  /** Of one contender in one round. */
  readonly milliseconds: number;
}

/** A round in which a contender gave no time. */
const failed: StepTime = { wall: Number.NaN, processor: Number.NaN };

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

/**
 * Runs all contenders of a case in turn, round after round: whatever else the machine does hits them alike, and ratios
 * within a round cancel it.
 */
export async function measure(comparison: Comparison, node: string, effort: Effort): Promise<Result> {
  const { benchmark, contenders } = comparison;
  const failures: { contender: Contender; problem: string }[] = [];
  const running: { process: ContenderProcess; error: number; times: StepTime[] }[] = [];
  try {
    for (const contender of contenders) {
      const process = new ContenderProcess(contender, node);
      const started = await process.ask({ command: 'start', contender });
      const ready = started.ok ? await process.ask({ command: 'prepare', contender, benchmark }) : started;
      // The engine's optimizing compiler takes over.
      const warm = ready.ok ? await process.ask({ command: 'run', milliseconds: 150 }) : ready;
      if (!warm.ok) {
        failures.push({ contender, problem: warm.problem });
        process.stop();
        continue;
      }
      running.push({ process, error: ready.ok ? (ready.error ?? 0) : 0, times: [] });
    }
    for (let round = 0; round < effort.rounds; round++) {
      for (const { process, times } of running) {
        await sleep(3);
        const reply = await process.ask({ command: 'run', milliseconds: effort.milliseconds });
        times.push((reply.ok ? reply.time : undefined) ?? failed);
      }
    }
    const yardstick = running[0]?.times ?? [];
    const measurements = running.map(({ process: { contender }, error, times }) => {
      // What runs on other threads or on a GPU shows only on the clock.
      const byClock = contender.threads > 1 || contender.peer.endsWith('webgpu');
      const timeOf = ({ wall, processor }: StepTime): number => (byClock ? wall : Math.min(wall, processor));
      return {
        contender,
        wall: median(times.map(({ wall }) => wall)),
        processor: median(times.map(({ processor }) => processor)),
        ratio: median(times.map((time, round) => timeOf(time) / timeOf(yardstick[round] ?? failed))),
        relativeError: error,
      };
    });
    return { comparison, measurements, failures };
  } finally {
    for (const { process } of running) process.stop();
  }
}
