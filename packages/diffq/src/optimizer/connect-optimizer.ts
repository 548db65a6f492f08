import { TampError } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import { readsAtOnce } from '../noise/synchronous-backend.js';
import { chooseSizePenalty, type SizePenaltyOptions } from './choose-size-penalty.js';
import { maskUnused } from './mask-unused.js';

/** How a quantizer's variables are trained, and what size costs. */
export interface OptimizerOptions extends SizePenaltyOptions {
  /** Learning rate of the quantizer's variables. Default 1e-3. */
  readonly learningRate?: number;
  /** Adam's other numbers for them. Defaults 0.9, 0.999 and 1e-8. */
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  /** An optimizer for them in place of Adam; it is not disposed of. */
  readonly optimizer?: tf.Optimizer;
  /** Leave the bits of a parameter alone in a step in which its weights have no gradient or only zeros. Default false. */
  readonly checkUnused?: boolean;
}

/** What the connection needs of a quantizer. */
export interface TrainedQuantizer {
  readonly quantized: readonly { readonly variable: tf.Variable; readonly trainable: tf.Variable | null }[];
  readonly trainables: readonly tf.Variable[];
  readonly floatModelSize: number;
  trainingStep<T>(forward: () => T): T;
  modelSize(factor?: number): tf.Scalar;
  trueModelSizeNow(): number;
  trueModelSize(): Promise<number>;
  sizeBounds(): { readonly smallest: number; readonly largest: number };
  afterStep(): void;
}

/** Optimizers that train a quantizer's variables. */
const connected = new WeakSet<tf.Optimizer>();

function holdsState(optimizer: tf.Optimizer, names: ReadonlySet<string>): boolean {
  return Object.values(optimizer).some(
    (field: unknown) =>
      Array.isArray(field) &&
      field.some((entry: unknown) => {
        if (typeof entry !== 'object' || entry === null || !('originalName' in entry)) return false;
        const name = String(entry.originalName);
        return names.has(name.slice(0, name.lastIndexOf('/')));
      }),
  );
}

/** Replaces an optimizer's `minimize`, as `Quantizer.setupOptimizer` says. */
export function connectOptimizer(
  optimizer: tf.Optimizer,
  quantizer: TrainedQuantizer,
  options: OptimizerOptions,
): { disconnect(): void } {
  const own = [...quantizer.trainables];
  const ownNames = new Set(own.map(({ name }) => name));
  if (connected.has(optimizer)) {
    throw new TampError('this optimizer trains another quantizer already', {
      code: 'usage',
      remedy: 'Give each quantizer its own optimizer, or call clearOptimizer() on the other.',
    });
  }
  if (holdsState(optimizer, ownNames)) {
    throw new TampError("this optimizer has taken the quantizer's variables for the model's", {
      code: 'usage',
      remedy: 'Create the optimizer before the quantizer and set it up before the first step.',
    });
  }
  const penalty = chooseSizePenalty(options, quantizer);
  const { learningRate = 1e-3, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
  const ownOptimizer = options.optimizer ?? tf.train.adam(learningRate, beta1, beta2, epsilon);

  const minimize = (
    forward: () => tf.Scalar,
    returnCost = false,
    varList?: tf.Variable[],
  ): tf.Scalar | null => {
    const registered: tf.Variable[] = Object.values(tf.engine().registeredVariables);
    const theirs = (varList ?? registered).filter(
      (variable) => variable.trainable && !ownNames.has(variable.name),
    );
    const { value, grads } = optimizer.computeGradients(
      () =>
        quantizer.trainingStep(() => {
          const loss = forward();
          return penalty.weight === 0 ? loss : tf.add<tf.Scalar>(loss, quantizer.modelSize(penalty.weight));
        }),
      [...theirs, ...own],
    );
    if (options.checkUnused === true) maskUnused(quantizer.quantized, grads);
    optimizer.applyGradients(theirs.map(({ name }) => ({ name, tensor: grads[name] })));
    if (own.length > 0) {
      ownOptimizer.applyGradients(own.map(({ name }) => ({ name, tensor: grads[name] })));
    }
    tf.dispose(grads);
    quantizer.afterStep();
    if (penalty.followsSize) {
      // On a graphics backend the size arrives later; the penalty then follows a step or two behind.
      if (readsAtOnce()) penalty.observe(quantizer.trueModelSizeNow());
      else void quantizer.trueModelSize().then((size) => penalty.observe(size));
    }
    if (returnCost) return value;
    value.dispose();
    return null;
  };
  optimizer.minimize = minimize;
  connected.add(optimizer);
  return {
    disconnect() {
      Reflect.deleteProperty(optimizer, 'minimize');
      connected.delete(optimizer);
      if (options.optimizer === undefined) ownOptimizer.dispose();
    },
  };
}
