import { maxUniformBits, TampError } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import { lsqLevels, lsqRange, lsqValues, smallestStep } from '../lsq/lsq-maths.js';
import { lsqWeight } from '../lsq/lsq-operation.js';
import type { NamedVariable } from '../selection/selection.js';
import { bitsPerMiB } from '../size/model-size.js';
import type { StoredParameter } from '../state/state.js';
import { type QuantizedParameter, Quantizer, type QuantizerOptions } from './quantizer.js';
import { freeVariableName } from './variable-name.js';

/** Options of {@link LsqQuantizer}. */
export interface LsqQuantizerOptions extends QuantizerOptions {
  /** Bits of every weight, 2 to 15. Default 8. */
  readonly bits?: number;
  /** What the names of the steps' variables end with. Default '_lsq'. */
  readonly suffix?: string;
}

/**
 * Learned step size quantization: symmetric integers times one step per tensor, and the step is trained. Source: Esser,
 * McKinstry, Bablani, Appuswamy, Modha, "Learned Step Size Quantization", ICLR 2020. Errors as for `DiffQuantizer`;
 * 1 bit is refused, for its range holds no positive number.
 *
 * The first steps, 2·mean|w| / √(2^(bits−1)), come from the weights as they are when the quantizer is made.
 */
export class LsqQuantizer extends Quantizer {
  override readonly method = 'lsq';
  protected override readonly needsOptimizer = true;
  readonly #bits: number;

  constructor(parameters: readonly NamedVariable[], options: LsqQuantizerOptions = {}) {
    const { bits = 8, suffix = '_lsq' } = options;
    if (!Number.isInteger(bits) || bits < 2 || bits > maxUniformBits) {
      throw new TampError(`LSQ with ${bits} bits is not possible`, {
        code: 'usage',
        remedy: `Choose a whole number of bits from 2 to ${maxUniformBits}.`,
      });
    }
    super(parameters, options, ({ name, variable }) => {
      // tfjs operations, so that a graphics backend need not be read.
      return tf.tidy(() => {
        const mean = tf.mean(tf.abs(variable));
        const step = tf.maximum(tf.mul(mean, 2 / Math.sqrt(2 ** (bits - 1))), smallestStep);
        return tf.variable(tf.reshape(step, [1]), true, freeVariableName(`${name}${suffix}`));
      });
    });
    this.#bits = bits;
  }

  override describe(): string {
    return `LSQ: ${this.#bits} bits`;
  }

  protected override trainingValueOf(parameter: QuantizedParameter, value: tf.Tensor): tf.Tensor {
    return lsqWeight(value, stepOf(parameter), this.#bits);
  }

  protected override quantizedTensor(parameter: QuantizedParameter): tf.Tensor {
    const { lowest, highest } = lsqRange(this.#bits);
    const step = tf.maximum(stepOf(parameter), smallestStep);
    return tf.mul(tf.round(tf.clipByValue(tf.div(parameter.variable, step), lowest, highest)), step);
  }

  protected override differentiableSize(fixedBits: number, factor: number): tf.Scalar {
    return tf.scalar((factor * (fixedBits + this.exactBits())) / bitsPerMiB);
  }

  protected override exactBits(): number {
    return this.quantized.reduce((sum, { variable }) => sum + this.#bits * variable.size + 32, 0);
  }

  protected override stored(
    { name, variable }: QuantizedParameter,
    values: Float32Array,
    trainable: Float32Array,
  ): StoredParameter {
    const step = Math.max(trainable[0], smallestStep);
    if (!Number.isFinite(step) || values.some((value) => !Number.isFinite(value))) {
      throw new TampError('its weights or its step are not finite', { code: 'data', at: { layer: name } });
    }
    const { lowest } = lsqRange(this.#bits);
    return {
      name,
      shape: variable.shape,
      groupSize: variable.size,
      minBits: this.#bits,
      scales: Float32Array.of(step),
      bits: Uint8Array.of(this.#bits),
      levels: Uint16Array.from(lsqLevels(values, step, this.#bits), (level) => level - lowest),
    };
  }

  protected override dequantize({ levels, scales, bits }: StoredParameter): Float32Array {
    const { lowest } = lsqRange(bits[0]);
    return lsqValues(
      Int16Array.from(levels, (level) => level + lowest),
      scales[0],
    );
  }

  protected override trainableOf({ name }: QuantizedParameter, stored: StoredParameter): Float32Array {
    if (stored.bits.some((b) => b !== this.#bits)) {
      throw new TampError(`the state was made with ${stored.bits[0]} bits, not ${this.#bits}`, {
        code: 'format',
        at: { layer: name },
      });
    }
    return stored.scales;
  }

  /** Keeps the steps positive. */
  override afterStep(): void {
    for (const parameter of this.quantized) {
      const step = stepOf(parameter);
      tf.tidy(() => step.assign(tf.maximum(step, smallestStep)));
    }
  }
}

function stepOf({ name, trainable }: QuantizedParameter): tf.Variable {
  if (trainable !== null) return trainable;
  throw new TampError('a parameter of LSQ lacks its step', { code: 'internal', at: { layer: name } });
}
