import { TampError } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import { float16Values } from '../maths/float16-values.js';
import { floatsOf, readsAtOnce } from '../noise/synchronous-backend.js';
import { connectOptimizer, type OptimizerOptions } from '../optimizer/connect-optimizer.js';
import {
  type ChosenParameter,
  type NamedVariable,
  type Selection,
  type SelectionOptions,
  selectParameters,
} from '../selection/selection.js';
import { bitsPerMiB } from '../size/model-size.js';
import { compressedBits } from '../state/compressed-size.js';
import { type ExpectedParameter, readState } from '../state/read-state.js';
import type { Packing, QuantizedState, StoredDense, StoredParameter } from '../state/state.js';
import { writeState } from '../state/write-state.js';
import { float16Weight } from '../uniform/float16-weight.js';

/** What every quantizer takes. */
export interface QuantizerOptions extends SelectionOptions {
  /** Variables that are no parameters but belong to the model (batch-norm statistics): saved, never counted. */
  readonly buffers?: readonly NamedVariable[];
}

/** A quantized parameter and what is trained for it. */
export interface QuantizedParameter extends ChosenParameter {
  /** Logits (DiffQ), step (LSQ), or nothing (uniform). */
  readonly trainable: tf.Variable | null;
}

/** How the model is being read at the moment. */
type Reading = 'plain' | 'training' | 'evaluation';

/** Variables under a quantizer, so that no second one is attached. */
const attached = new WeakSet<tf.Variable>();

/**
 * What DiffQ, LSQ and uniform quantization-aware training have in common: which parameters are quantized, when the
 * model sees noisy or quantized values instead of its own, sizes, state, and the connection to an optimizer.
 *
 * The model reads its parameters through {@link value}. Inside {@link trainingStep} (which a connected optimizer's
 * `minimize` calls) that is the differentiable stand-in, inside {@link evaluation} the truly quantized value, otherwise
 * the variable itself. The variables are not touched, so nothing has to be put back when a forward pass throws.
 */
export abstract class Quantizer {
  /** Name of the method: `diffq`, `lsq`, `uniform`. */
  abstract readonly method: QuantizedState['method'];
  readonly quantized: readonly QuantizedParameter[];
  readonly float16: readonly ChosenParameter[];
  readonly others: readonly ChosenParameter[];
  readonly #buffers: readonly NamedVariable[];
  readonly #all: readonly ChosenParameter[];
  #values: ReadonlyMap<tf.Variable, tf.Tensor> | null = null;
  #reading: Reading = 'plain';
  #backup: ReadonlyMap<tf.Variable, tf.Tensor> | null = null;
  #connection: { disconnect(): void } | 'absent' | null = null;
  #steps = 0;

  protected constructor(
    parameters: readonly NamedVariable[],
    options: QuantizerOptions,
    trainableOf: (parameter: ChosenParameter) => tf.Variable | null,
  ) {
    const selection: Selection = selectParameters(parameters, options);
    this.#all = [...selection.quantized, ...selection.float16, ...selection.others];
    for (const { name, variable } of this.#all) {
      if (!attached.has(variable)) continue;
      throw new TampError('a quantizer is attached to this parameter already', {
        code: 'usage',
        at: { layer: name },
        remedy: 'Detach it (dispose()) first.',
      });
    }
    const made: tf.Variable[] = [];
    try {
      this.quantized = selection.quantized.map((parameter) => {
        const trainable = trainableOf(parameter);
        if (trainable !== null) made.push(trainable);
        return { ...parameter, trainable };
      });
    } catch (error) {
      for (const variable of made) variable.dispose();
      throw error;
    }
    this.float16 = selection.float16;
    this.others = selection.others;
    this.#buffers = options.buffers ?? [];
    for (const { variable } of this.#all) attached.add(variable);
  }

  /** The options in one line. */
  abstract describe(): string;

  /** Whether training needs the trainables in an optimizer. */
  protected abstract readonly needsOptimizer: boolean;
  /** The differentiable stand-in of one quantized parameter's value in one training step. */
  protected abstract trainingValueOf(
    parameter: QuantizedParameter,
    value: tf.Tensor,
    index: number,
    step: number,
  ): tf.Tensor;
  /** The truly quantized value of one parameter, computed by tfjs operations. */
  protected abstract quantizedTensor(parameter: QuantizedParameter): tf.Tensor;
  /** `factor` times the size in MiB, differentiable; `fixedBits` is what is not quantized. */
  protected abstract differentiableSize(fixedBits: number, factor: number): tf.Scalar;
  /** Size in bits of what is quantized, as it is stored. */
  protected abstract exactBits(trainables: readonly Float32Array[]): number;
  /** The smallest and the largest size in bits of what is quantized that training can lead to. */
  protected bitsBounds(): { readonly least: number; readonly most: number } {
    const bits = this.exactBits([]);
    return { least: bits, most: bits };
  }
  /** One parameter in the form it is stored in. */
  protected abstract stored(
    parameter: QuantizedParameter,
    values: Float32Array,
    trainable: Float32Array,
  ): StoredParameter;
  /** The values that a stored parameter stands for. */
  protected abstract dequantize(stored: StoredParameter): Float32Array;
  /** The trainable's values that a stored parameter stands for. */
  protected abstract trainableOf(parameter: QuantizedParameter, stored: StoredParameter): Float32Array;
  /** Called after each optimizer step. */
  afterStep(): void {}

  /** The variables that are trained beside the model's own. */
  get trainables(): readonly tf.Variable[] {
    return this.quantized.flatMap(({ trainable }) => (trainable === null ? [] : [trainable]));
  }

  /** Number of training steps so far; decides the noise of the next. */
  get steps(): number {
    return this.#steps;
  }

  /** Goes on from a checkpoint's number of steps. */
  set steps(count: number) {
    if (!Number.isSafeInteger(count) || count < 0) {
      throw new TampError(`${count} is not a number of steps`, { code: 'usage' });
    }
    this.#steps = count;
  }

  /** What the model computes with in place of a variable at this moment. */
  value(variable: tf.Variable): tf.Tensor {
    return this.#values?.get(variable) ?? variable;
  }

  /** How {@link value} answers at this moment. */
  get reading(): Reading {
    return this.#reading;
  }

  /**
   * Runs one forward pass of training (inside a gradient recording): {@link value} gives differentiable stand-ins. The
   * noise of the next step is another one. Throws a `TampError` (`usage`) when no optimizer was set up or declared
   * absent, and (`data`) when a weight is NaN.
   */
  trainingStep<T>(forward: () => T): T {
    if (this.needsOptimizer && this.#connection === null) {
      throw new TampError('training started before the quantizer has an optimizer', {
        code: 'usage',
        remedy: 'Call setupOptimizer(optimizer), or noOptimizer() when you train its variables yourself.',
      });
    }
    return this.#during('training', this.trainingValues(), forward);
  }

  /** Differentiable stand-ins of all parameters for one step, which this counts. The caller owns the tensors. */
  trainingValues(): ReadonlyMap<tf.Variable, tf.Tensor> {
    const step = this.#steps++;
    const values = new Map<tf.Variable, tf.Tensor>();
    this.quantized.forEach((parameter, index) => {
      values.set(parameter.variable, this.trainingValueOf(parameter, parameter.variable, index, step));
    });
    for (const { variable } of this.float16) values.set(variable, float16Weight(variable));
    return values;
  }

  /** The stand-in of one parameter by its name, for step `step`, made from a value in place of its variable. */
  trainingValue(name: string, value: tf.Tensor, step: number): tf.Tensor {
    const index = this.quantized.findIndex((parameter) => parameter.name === name);
    if (index !== -1) return this.trainingValueOf(this.quantized[index], value, index, step);
    return this.float16.some((parameter) => parameter.name === name) ? float16Weight(value) : value.clone();
  }

  /** One parameter by its name as it is stored, made from values in place of its variable's; null when it is not quantized. */
  async storedParameter(name: string, values: Float32Array): Promise<StoredParameter | null> {
    const parameter = this.quantized.find((one) => one.name === name);
    if (parameter === undefined) return null;
    const { trainable } = parameter;
    return this.stored(parameter, values, trainable === null ? noValues : await read(trainable));
  }

  /** The values that evaluation computes with in place of a parameter's. */
  async evaluationValues(name: string, values: Float32Array): Promise<Float32Array> {
    const stored = await this.storedParameter(name, values);
    if (stored !== null) return this.dequantize(stored);
    return this.float16.some((parameter) => parameter.name === name) ? float16Values(values) : values;
  }

  /**
   * Runs a synchronous forward pass with truly quantized values. On a graphics backend they are computed there, where a
   * division may round a level otherwise; {@link withQuantized} is exact everywhere.
   */
  evaluation<T>(forward: () => T): T {
    if (this.#reading !== 'plain' || this.#backup !== null) return forward();
    const values = this.#evaluationTensors();
    try {
      return this.#during('evaluation', values, forward);
    } finally {
      for (const tensor of values.values()) tensor.dispose();
    }
  }

  #evaluationTensors(): ReadonlyMap<tf.Variable, tf.Tensor> {
    const values = new Map<tf.Variable, tf.Tensor>();
    const keep = (variable: tf.Variable, compute: () => tf.Tensor): void => {
      values.set(variable, tf.keep(tf.tidy(compute)));
    };
    try {
      for (const parameter of this.quantized) {
        const { variable, trainable } = parameter;
        keep(variable, () =>
          readsAtOnce()
            ? tf.tensor(
                this.dequantize(
                  this.stored(
                    parameter,
                    floatsOf(variable),
                    trainable === null ? noValues : floatsOf(trainable),
                  ),
                ),
                variable.shape,
              )
            : this.quantizedTensor(parameter),
        );
      }
      for (const { variable } of this.float16) keep(variable, () => float16Weight(variable).clone());
      return values;
    } catch (error) {
      for (const tensor of values.values()) tensor.dispose();
      throw error;
    }
  }

  #during<T>(reading: Reading, values: ReadonlyMap<tf.Variable, tf.Tensor>, forward: () => T): T {
    const before = { reading: this.#reading, values: this.#values };
    this.#reading = reading;
    this.#values = values;
    try {
      return forward();
    } finally {
      this.#reading = before.reading;
      this.#values = before.values;
    }
  }

  /** Writes the quantized values into the variables until {@link unquantize}. Nothing happens when they are there. */
  async quantize(): Promise<void> {
    if (this.#backup !== null) return;
    const quantized: [tf.Variable, Float32Array][] = [];
    for (const parameter of this.quantized) {
      quantized.push([parameter.variable, this.dequantize(await this.#store(parameter))]);
    }
    for (const { variable } of this.float16) quantized.push([variable, float16Values(await read(variable))]);
    const backup = new Map<tf.Variable, tf.Tensor>();
    for (const [variable, values] of quantized) {
      backup.set(variable, tf.keep(variable.clone()));
      assign(variable, values);
    }
    this.#backup = backup;
  }

  /** Puts the float values back, to the bit. */
  unquantize(): void {
    if (this.#backup === null) return;
    for (const [variable, tensor] of this.#backup) {
      variable.assign(tensor);
      tensor.dispose();
    }
    this.#backup = null;
  }

  /** Whether {@link quantize} has put quantized values into the variables. */
  get isQuantized(): boolean {
    return this.#backup !== null;
  }

  /** Runs something with the quantized values in the variables; the float ones come back, whatever it throws. */
  async withQuantized<T>(body: () => T | Promise<T>): Promise<T> {
    const nested = this.#backup !== null;
    try {
      await this.quantize();
      return await body();
    } finally {
      if (!nested) this.unquantize();
    }
  }

  async #store(parameter: QuantizedParameter): Promise<StoredParameter> {
    const { variable, trainable } = parameter;
    return this.stored(
      parameter,
      await read(variable),
      trainable === null ? noValues : await read(trainable),
    );
  }

  /** Bits of what is not quantized. */
  get #fixedBits(): number {
    const count = (list: readonly ChosenParameter[]): number =>
      list.reduce((sum, { variable }) => sum + variable.size, 0);
    return 16 * count(this.float16) + 32 * count(this.others);
  }

  /** Size of the model in MiB as a differentiable scalar, times `factor`. */
  modelSize(factor = 1): tf.Scalar {
    return this.differentiableSize(this.#fixedBits, factor);
  }

  /** Size in MiB with bits rounded as they are stored; no entropy coding. Only on backends that read at once. */
  trueModelSizeNow(): number {
    const trainables = this.quantized.map(({ trainable }) =>
      trainable === null ? noValues : floatsOf(trainable),
    );
    return (this.#fixedBits + this.exactBits(trainables)) / bitsPerMiB;
  }

  /** Size in MiB with bits rounded as they are stored; no entropy coding. */
  async trueModelSize(): Promise<number> {
    const trainables: Float32Array[] = [];
    for (const { trainable } of this.quantized) {
      trainables.push(trainable === null ? noValues : await read(trainable));
    }
    return (this.#fixedBits + this.exactBits(trainables)) / bitsPerMiB;
  }

  /** Size of the float32 model in MiB. */
  get floatModelSize(): number {
    return (32 * this.#all.reduce((sum, { variable }) => sum + variable.size, 0)) / bitsPerMiB;
  }

  /** The smallest and the largest size in MiB that training can lead to. */
  sizeBounds(): { readonly smallest: number; readonly largest: number } {
    const { least, most } = this.bitsBounds();
    return {
      smallest: (this.#fixedBits + least) / bitsPerMiB,
      largest: (this.#fixedBits + most) / bitsPerMiB,
    };
  }

  /** Size in MiB of the packed state after DEFLATE. */
  async compressedModelSize(): Promise<number> {
    return compressedBits(await this.state('strided')) / bitsPerMiB;
  }

  /**
   * What is needed to rebuild the quantized model: for each quantized parameter its range (or step), the rounded bits
   * per group and the levels, tied ones once; the other parameters and the buffers as they are stored.
   */
  async state(packing: Packing = 'strided'): Promise<QuantizedState> {
    if (this.#backup !== null) {
      throw new TampError('the state was asked for while the variables hold quantized values', {
        code: 'usage',
        remedy: 'Call unquantize() first: quantizing twice would lose precision.',
      });
    }
    const stored: StoredParameter[] = [];
    for (const parameter of this.quantized) stored.push(await this.#store(parameter));
    const plain = async (list: readonly NamedVariable[]): Promise<readonly StoredDense[]> => {
      const entries: StoredDense[] = [];
      for (const { name, variable } of list) {
        entries.push({ name, shape: variable.shape, values: Float32Array.from(await read(variable)) });
      }
      return entries;
    };
    return writeState(packing, {
      method: this.method,
      quantized: stored,
      float16: await plain(this.float16),
      others: await plain(this.others),
      buffers: await plain(this.#buffers),
    });
  }

  /**
   * Takes a state of {@link state} over into the variables, and its bits into the trainables. Throws a `TampError`
   * (`format`), and leaves everything as it was, when it is damaged or belongs to another model, method or grouping.
   */
  restore(state: QuantizedState): void {
    const shapes = (list: readonly NamedVariable[]): readonly ExpectedParameter[] =>
      list.map(({ name, variable }) => ({ name, shape: variable.shape }));
    const { quantized, float16, others, buffers } = readState(state, {
      method: this.method,
      quantized: shapes(this.quantized),
      float16: shapes(this.float16),
      others: shapes(this.others),
      buffers: shapes(this.#buffers),
    });
    const values = quantized.map((stored) => this.dequantize(stored));
    const trainables = this.quantized.map((parameter, i) => this.trainableOf(parameter, quantized[i]));
    this.unquantize();
    this.quantized.forEach(({ variable, trainable }, i) => {
      assign(variable, values[i]);
      if (trainable !== null) assign(trainable, trainables[i]);
    });
    const dense = [...float16, ...others, ...buffers];
    [...this.float16, ...this.others, ...this.#buffers].forEach(({ variable }, i) => {
      assign(variable, dense[i].values);
    });
  }

  /**
   * Lets an optimizer train the quantizer's variables along with the model's: its `minimize` then runs the forward pass
   * as a {@link trainingStep}, adds the penalty to the loss, and steps these variables with an Adam of their own, without
   * weight decay. Throws a `TampError` (`usage`) when an optimizer is set up already, or when this one has trained
   * the quantizer's variables before (it was created after the quantizer and took them for the model's).
   */
  setupOptimizer(optimizer: tf.Optimizer, options: OptimizerOptions = {}): void {
    if (this.#connection !== null) {
      throw new TampError('the quantizer has an optimizer already', {
        code: 'usage',
        remedy: 'Call clearOptimizer() first.',
      });
    }
    this.#connection = connectOptimizer(optimizer, this, options);
  }

  /** Declares that no optimizer is to be set up: the caller trains {@link trainables} himself, or not at all. */
  noOptimizer(): void {
    if (this.#connection === null) this.#connection = 'absent';
  }

  /** Whether an optimizer is set up. */
  get hasOptimizer(): boolean {
    return this.#connection !== null && this.#connection !== 'absent';
  }

  /** Takes the quantizer's variables out of the optimizer again, which is then as it was. */
  clearOptimizer(): void {
    if (this.#connection !== 'absent') this.#connection?.disconnect();
    this.#connection = null;
  }

  /** Takes the quantizer off the model: float values are back, the optimizer is as it was, no tensor is left. */
  dispose(): void {
    this.unquantize();
    this.clearOptimizer();
    for (const variable of this.trainables) variable.dispose();
    for (const { variable } of this.#all) attached.delete(variable);
  }
}

const noValues = new Float32Array(0);

async function read(variable: tf.Variable): Promise<Float32Array> {
  const values = await variable.data();
  return values instanceof Float32Array ? values : Float32Array.from(values);
}

function assign(variable: tf.Variable, values: Float32Array): void {
  const tensor = tf.tensor(values, variable.shape);
  variable.assign(tensor);
  tensor.dispose();
}
