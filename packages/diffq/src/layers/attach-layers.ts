import { TampError } from '@tamp/core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { OptimizerOptions } from '../optimizer/connect-optimizer.js';
import { DiffQuantizer, type DiffQuantizerOptions } from '../quantizer/diff-quantizer.js';
import { LsqQuantizer, type LsqQuantizerOptions } from '../quantizer/lsq-quantizer.js';
import type { Quantizer, QuantizerOptions } from '../quantizer/quantizer.js';
import { UniformQuantizer, type UniformQuantizerOptions } from '../quantizer/uniform-quantizer.js';
import type { NamedVariable } from '../selection/selection.js';
import { type LayerWeight, layerWeights } from './layer-weights.js';
import { createPatches, type Method } from './patch.js';

/** A quantizer at work on a tf.layers model. */
export interface Attachment<Q extends Quantizer = Quantizer> {
  readonly quantizer: Q;
  /** Takes it off: the model, its weights and its optimizer are as without it, and no tensor is left. */
  detach(): void;
}

/** How the quantizer's variables are trained; `'none'` for a model that is only to be evaluated quantized. */
export type AttachedTraining = OptimizerOptions | 'none';

/** Methods that look at the model from outside and finish at once; private ones are called by `fit` for validation. */
const evaluating = ['predict', 'predictOnBatch', 'evaluate', 'testLoop'];
/** Methods that train. */
const training = ['fit', 'fitDataset', 'trainOnBatch'];

/** A sequential model delegates to a functional one inside. */
function withInnerModel(model: LayersModel): readonly LayersModel[] {
  const inner: unknown = Reflect.get(model, 'model');
  return typeof inner === 'object' && inner !== null && inner !== model && 'layers' in inner
    ? [model, inner as LayersModel]
    : [model];
}

function variablesOf(weights: readonly LayerWeight[]): readonly NamedVariable[] {
  return weights.map(({ name, weight }) => {
    const variable = weight.read();
    if ('assign' in variable) return { name, variable: variable as NamedVariable['variable'] };
    throw new TampError('a quantizer is attached to this weight already', {
      code: 'usage',
      at: { layer: name },
      remedy: 'Detach it first.',
    });
  });
}

function attach<Q extends Quantizer>(
  model: LayersModel,
  options: QuantizerOptions,
  make: (parameters: readonly NamedVariable[], options: QuantizerOptions) => Q,
  trainingOptions: AttachedTraining,
): Attachment<Q> {
  const optimizer = model.optimizer;
  if (trainingOptions !== 'none' && (optimizer === undefined || optimizer === null)) {
    throw new TampError('the model has no optimizer yet', {
      code: 'usage',
      remedy: "Call model.compile() before attaching, or give 'none' when it is only to be evaluated.",
    });
  }
  if (options.detectBound === false) {
    throw new TampError('tf.layers does not tell which layer reads a tied weight', {
      code: 'unsupported',
      remedy: 'Leave detectBound out: a tied weight is counted, stored and trained once.',
    });
  }
  const { parameters, buffers } = layerWeights(model);
  const quantizer = make(variablesOf(parameters), { ...options, buffers: variablesOf(buffers) });
  try {
    if (trainingOptions === 'none') quantizer.noOptimizer();
    else quantizer.setupOptimizer(optimizer, trainingOptions);
  } catch (error) {
    quantizer.dispose();
    throw error;
  }

  const patches = createPatches();
  for (const { weight } of parameters) {
    const variable = weight.read() as NamedVariable['variable'];
    patches.wrap(weight, 'read', (read) => () => {
      read();
      return quantizer.value(variable);
    });
  }
  const evaluate =
    (original: Method): Method =>
    (...inputs) =>
      quantizer.evaluation(() => original(...inputs));
  for (const part of withInnerModel(model)) {
    for (const method of evaluating) patches.wrap(part, method, evaluate);
    patches.wrap(part, 'apply', (original) => (...inputs) => {
      const [, how] = inputs;
      const trains = typeof how === 'object' && how !== null && Reflect.get(how, 'training') === true;
      return trains ? original(...inputs) : quantizer.evaluation(() => original(...inputs));
    });
    patches.wrap(
      part,
      'evaluateDataset',
      (original) =>
        async (...inputs) =>
          quantizer.withQuantized(() => original(...inputs)),
    );
    for (const method of training) {
      patches.wrap(part, method, (original) => async (...inputs) => {
        if (trainingOptions === 'none' || part.optimizer !== optimizer || !quantizer.hasOptimizer) {
          throw new TampError('the model is trained with an optimizer that does not train its bits', {
            code: 'usage',
            remedy: 'Compile the model first, attach the quantizer then; detach it to train without.',
          });
        }
        return original(...inputs);
      });
    }
  }
  return {
    quantizer,
    detach() {
      patches.undo();
      quantizer.dispose();
    },
  };
}

/**
 * Trains the bits of a compiled tf.layers model with DiffQ: `fit`, `fitDataset` and `trainOnBatch` compute with noisy
 * weights, add the penalty to the loss and train the bits beside the weights, with the model's own optimizer and loss;
 * `predict`, `evaluate`, validation and `apply` compute with truly quantized weights. Layers are not changed.
 *
 * ```ts
 * model.compile({ optimizer: tf.train.adam(2e-3), loss: 'categoricalCrossentropy' });
 * const { quantizer, detach } = attachDiffQ(model, { groupSize: 8 }, { penalty: 5, learningRate: 1e-2 });
 * await model.fit(images, labels, { epochs: 30, batchSize: 64 });
 * ```
 *
 * Throws a `TampError` (`usage`) for a model without weights or optimizer, options out of order, a group size that does
 * not divide, and a model that a quantizer is attached to already.
 */
export function attachDiffQ(
  model: LayersModel,
  options: DiffQuantizerOptions = {},
  training: AttachedTraining = {},
): Attachment<DiffQuantizer> {
  return attach(
    model,
    options,
    (parameters, all) => new DiffQuantizer(parameters, { ...options, ...all }),
    training,
  );
}

/** The same with learned step size quantization. */
export function attachLsq(
  model: LayersModel,
  options: LsqQuantizerOptions = {},
  training: AttachedTraining = {},
): Attachment<LsqQuantizer> {
  return attach(
    model,
    options,
    (parameters, all) => new LsqQuantizer(parameters, { ...options, ...all }),
    training,
  );
}

/** The same with plain uniform quantization, quantization-aware or not. */
export function attachUniform(
  model: LayersModel,
  options: UniformQuantizerOptions = {},
  training: AttachedTraining = {},
): Attachment<UniformQuantizer> {
  return attach(
    model,
    options,
    (parameters, all) => new UniformQuantizer(parameters, { ...options, ...all }),
    training,
  );
}
