import { type LayerReport, type Model, TampError } from '@tamp/core';
import type { EpochReport, LabelledData, TrainingCheckpoint, TrainingOptions } from '@tamp/training-pipeline';
import type { CheckpointFile, RecipeHost } from '../host.js';
import type { PreparedRecipe } from '../prepare/prepare-recipe.js';
import type { TrainingSettings } from '../schema/training-schema.js';

/** A trained model. */
export interface TrainedModel {
  readonly model: Model;
  readonly layers: readonly LayerReport[];
  readonly history: readonly EpochReport[];
}

/** Options of {@link trainModel}. */
export interface TrainModelOptions {
  readonly signal?: AbortSignal;
  /** Steps done, of how many, and what the last epoch came to. */
  readonly onProgress: (done: number, total: number, detail?: string) => void;
}

/** `epoch 3: loss 0.0812, accuracy 0.9722, bytes 38221, meanBits 3.21`. */
function epochText({ epoch, loss, validation, figures }: EpochReport): string {
  const shown = (value: number): string => (Number.isInteger(value) ? `${value}` : value.toPrecision(4));
  const parts = Object.entries({
    loss,
    ...(validation?.accuracy === undefined ? {} : { accuracy: validation.accuracy }),
    ...figures,
  });
  return `epoch ${epoch}: ${parts.map(([name, value]) => `${name} ${shown(value)}`).join(', ')}`;
}

/** A checkpoint's tensors under names of their own; the description says which is which. */
function toFile(checkpoint: TrainingCheckpoint): CheckpointFile {
  const { parameters, trained, optimizers, ...rest } = checkpoint;
  const lists = [parameters, trained, ...optimizers];
  return {
    tensors: lists.flatMap((list, i) =>
      list.map(({ shape, values }, k) => ({ name: `${i}.${k}`, shape, values })),
    ),
    description: JSON.stringify({ ...rest, names: lists.map((list) => list.map(({ name }) => name)) }),
  };
}

function fromFile(file: CheckpointFile, path: string): TrainingCheckpoint {
  const damaged = (): TampError =>
    new TampError('the checkpoint is damaged', {
      code: 'format',
      at: { file: path },
      remedy: 'Remove it to train from the start.',
    });
  try {
    // Forms are checked by the pipeline, which compares every list with its own.
    const { names, ...rest } = JSON.parse(file.description);
    const byName = new Map(file.tensors.map((tensor) => [tensor.name, tensor]));
    const lists = (names as readonly (readonly string[])[]).map((list, i) =>
      list.map((name, k) => {
        const tensor = byName.get(`${i}.${k}`);
        if (tensor === undefined) throw damaged();
        return { ...tensor, name };
      }),
    );
    const [parameters, trained, ...optimizers] = lists;
    return { ...rest, parameters, trained, optimizers };
  } catch {
    throw damaged();
  }
}

/** What a recipe says about training, as the pipeline takes it. */
export function trainingOptions({
  epochs,
  batchSize,
  loss,
  optimizer,
  schedule,
  warmupSteps,
  earlyStop,
  seed,
}: TrainingSettings): Omit<TrainingOptions, 'data'> {
  return {
    epochs,
    batchSize,
    loss,
    optimizer,
    learningRate: { warmupSteps, ...(schedule === undefined ? {} : { schedule }) },
    seed,
    ...(earlyStop === undefined ? {} : { earlyStop }),
  };
}

/** Trains a prepared recipe's model with the modifiers that learn, from its checkpoint when there is one. */
export async function trainModel(
  prepared: PreparedRecipe,
  settings: TrainingSettings,
  data: LabelledData,
  host: RecipeHost,
  { signal, onProgress }: TrainModelOptions,
): Promise<TrainedModel> {
  // The pipeline brings tfjs-layers along for its gradients: only for those who train.
  const { runTraining } = await import('@tamp/training-pipeline');
  const { checkpoint } = settings;
  const found = checkpoint === undefined ? undefined : await host.readCheckpoint(checkpoint);
  let detail: string | undefined;
  const learners = prepared.modifiers.filter(({ modifier }) => modifier.needs === 'training');
  return runTraining(prepared.model, learners, {
    ...trainingOptions(settings),
    data,
    ...(prepared.validationData === undefined ? {} : { validation: prepared.validationData }),
    ...(signal === undefined ? {} : { signal }),
    ...(found === undefined ? {} : { resume: fromFile(found, checkpoint ?? '') }),
    onEpoch(report) {
      detail = epochText(report);
    },
    onStep: (done, total) => onProgress(done, total, detail),
    ...(checkpoint === undefined
      ? {}
      : { onCheckpoint: (state: TrainingCheckpoint) => host.writeCheckpoint(checkpoint, toFile(state)) }),
  });
}
