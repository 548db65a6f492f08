import { TampError } from '@tamp/core';
import { calibrationBatchSize } from '../data/calibration-batches.js';
import type { MachineSpeed } from './machine-speed.js';
import { planRecipe } from './plan-recipe.js';
import type { PreparedRecipe } from './prepare-recipe.js';

function withPipeline(
  prepared: PreparedRecipe,
  changes: Partial<PreparedRecipe['recipe']['pipeline']>,
): PreparedRecipe {
  const { recipe } = prepared;
  return { ...prepared, recipe: { ...recipe, pipeline: { ...recipe.pipeline, ...changes } } };
}

/** Only memory is asked for here: how fast the machine is does not matter. */
const anySpeed: Omit<MachineSpeed, 'processBytes'> = {
  multiplyAddsPerSecond: 1,
  numberBytesPerSecond: 1,
  levelBytesPerSecond: 1,
};

function peakOf(
  prepared: PreparedRecipe,
  processBytes: number,
): { readonly bytes: number; readonly stage: string } {
  const { phases } = planRecipe(prepared, { ...anySpeed, processBytes });
  return phases.reduce(
    (peak, { memoryBytes, stage }) => (memoryBytes > peak.bytes ? { bytes: memoryBytes, stage } : peak),
    {
      bytes: 0,
      stage: '',
    },
  );
}

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`;

const onDisk = { intermediates: 'disk' } as const;

/** Fewer and fewer calibration windows at a time: the recipe's own number, then half of it and so on down to one. */
function batchSizes(prepared: PreparedRecipe): readonly number[] {
  const { calibration, recipe } = prepared;
  const sizes: number[] = [];
  if (calibration === undefined) return sizes;
  let size = calibrationBatchSize(calibration, recipe.pipeline.batchSize);
  for (; size > 1; size = Math.floor(size / 2)) sizes.push(size);
  return [...sizes, 1];
}

/**
 * The recipe as it fits `maxBytes` of memory: as it is, else with fewer calibration windows at a time, else with the
 * values between two parts on disk where there is one, else also with smaller parts; each of these also with windows
 * evaluated one at a time. Throws a `TampError` (`usage`) that names the smallest limit that would do.
 */
export function fitMemory(
  prepared: PreparedRecipe,
  maxBytes: number,
  { processBytes }: Pick<MachineSpeed, 'processBytes'>,
): PreparedRecipe {
  const canTurn = prepared.calibration !== undefined && prepared.recipe.pipeline.kind === 'sequential';
  const choices = [
    prepared,
    ...(canTurn
      ? [
          {},
          ...(prepared.hasScratch ? [onDisk] : []),
          { ...(prepared.hasScratch ? onDisk : {}), targetsPerSubgraph: 1 },
        ].flatMap((changes) =>
          batchSizes(prepared).map((batchSize) => withPipeline(prepared, { ...changes, batchSize })),
        )
      : []),
  ].flatMap((choice) =>
    choice.evaluation === undefined ? [choice] : [choice, { ...choice, evaluationBatch: 1 }],
  );
  const peaks = choices.map((choice) => peakOf(choice, processBytes));
  const fitting = peaks.findIndex(({ bytes }) => bytes <= maxBytes);
  if (fitting !== -1) return choices[fitting];
  const smallest = peaks.reduce((least, peak) => (peak.bytes < least.bytes ? peak : least));
  const evaluates = smallest.stage.startsWith('evaluate');
  throw new TampError(`the run does not fit ${megabytes(maxBytes)} of memory`, {
    code: 'usage',
    remedy: `The smallest limit that would do is ${megabytes(smallest.bytes)}${
      evaluates ? '; evaluation takes most, and can be left out' : ''
    }.`,
  });
}
