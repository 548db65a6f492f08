import { setTimeout as sleep } from 'node:timers/promises';
import type { Comparison, Contender } from './cases.js';
import { ContenderProcess } from './contender-process.js';
import { median } from './median.js';

/** One contender's times on one case: each is the mean over the runs of one slice. */
export interface Measurement {
  readonly contender: Contender;
  /** Slices measured. */
  readonly slices: number;
  /** Milliseconds per run: the median over slices. */
  readonly median: number;
  /** Milliseconds per run: the fastest slice. */
  readonly fastest: number;
  /** The median over the first contender's median. */
  readonly ratio: number;
  /** The fastest slice over the first contender's fastest: what hardly depends on other work on the machine. */
  readonly fastestRatio: number;
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
  /** Of one contender's slice in one round. */
  readonly milliseconds: number;
}

/** Slices' lengths that a contender may take per round on average: one that is slower sits out the rounds between. */
const ALLOWANCE = 10;
/** Rounds that nobody sits out. */
const ROUNDS_FOR_ALL = 3;
/** Contenders made ready at a time. */
const STARTING = 2;

interface Runner {
  readonly process: ContenderProcess;
  readonly error: number;
  readonly times: number[];
  /** Milliseconds that its slices have taken. */
  used: number;
}

/** Starts a contender and lets the engine's optimizing compiler take over; or says what is wrong. */
async function startRunner(
  { benchmark }: Comparison,
  contender: Contender,
  node: string,
): Promise<Runner | { readonly process: ContenderProcess; readonly problem: string }> {
  const process = new ContenderProcess(contender, node);
  const started = await process.ask({ command: 'start', contender });
  const ready = started.ok ? await process.ask({ command: 'prepare', contender, benchmark }) : started;
  const warm = ready.ok ? await process.ask({ command: 'run', milliseconds: 150 }) : ready;
  if (!warm.ok) return { process, problem: warm.problem };
  return { process, error: ready.ok ? (ready.error ?? 0) : 0, times: [], used: 0 };
}

/**
 * Runs all contenders of a case in turn, in many rounds of short slices, each round beginning with the next contender:
 * whatever else the machine does hits them alike, and nobody always follows the same one.
 */
export async function measure(comparison: Comparison, node: string, effort: Effort): Promise<Result> {
  const { contenders } = comparison;
  const failures: { contender: Contender; problem: string }[] = [];
  const runners: Runner[] = [];
  try {
    for (let first = 0; first < contenders.length; first += STARTING) {
      const starting = contenders.slice(first, first + STARTING);
      for (const runner of await Promise.all(
        starting.map((contender) => startRunner(comparison, contender, node)),
      )) {
        if ('times' in runner) {
          runners.push(runner);
          continue;
        }
        failures.push({ contender: runner.process.contender, problem: runner.problem });
        runner.process.stop();
      }
    }
    for (let round = 0; round < effort.rounds; round++) {
      for (let turn = 0; turn < runners.length; turn++) {
        const runner = runners[(round + turn) % runners.length];
        if (runner === undefined) continue;
        if (round >= ROUNDS_FOR_ALL && runner.used > round * effort.milliseconds * ALLOWANCE) continue;
        // The threads of the one before fall asleep.
        await sleep(1);
        const before = performance.now();
        const reply = await runner.process.ask({ command: 'run', milliseconds: effort.milliseconds });
        runner.used += performance.now() - before;
        if (reply.ok && reply.time !== undefined) runner.times.push(reply.time);
      }
    }
    const yardstick = runners[0]?.times ?? [];
    const measurements = runners.map(
      ({ process: { contender }, error, times }): Measurement => ({
        contender,
        slices: times.length,
        median: median(times),
        fastest: Math.min(...times),
        ratio: median(times) / median(yardstick),
        fastestRatio: Math.min(...times) / Math.min(...yardstick),
        relativeError: error,
      }),
    );
    return { comparison, measurements, failures };
  } finally {
    for (const { process } of runners) process.stop();
  }
}
