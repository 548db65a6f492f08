import { dequantizeUniform, maxUniformBits, quantizeUniform, TampError, uniformRange } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import type { NamedVariable } from '../selection/selection.js';
import { bitsPerMiB } from '../size/model-size.js';
import type { StoredParameter } from '../state/state.js';
import { throughUniformTensor, uniformWeight } from '../uniform/straight-through.js';
import { type QuantizedParameter, Quantizer, type QuantizerOptions } from './quantizer.js';

/** Options of {@link UniformQuantizer}. */
export interface UniformQuantizerOptions extends QuantizerOptions {
  /** Bits of every weight, 1 to 15. Default 8. */
  readonly bits?: number;
  /** Quantization-aware training: training computes with quantized weights, straight through. Default false. */
  readonly qat?: boolean;
}

/**
 * Uniform quantization with the same bits everywhere and one range per tensor: in evaluation only, or, with `qat`, in
 * training too, where the gradient goes straight through (w + stopGradient(Q(w) − w)). Errors as for `DiffQuantizer`.
 */
export class UniformQuantizer extends Quantizer {
  override readonly method = 'uniform';
  protected override readonly needsOptimizer = false;
  readonly #bits: number;
  readonly #qat: boolean;

  constructor(parameters: readonly NamedVariable[], options: UniformQuantizerOptions = {}) {
    const { bits = 8, qat = false } = options;
    if (!Number.isInteger(bits) || bits < 1 || bits > maxUniformBits) {
      throw new TampError(`${bits} bits are not possible`, {
        code: 'usage',
        remedy: `Choose a whole number of bits from 1 to ${maxUniformBits}.`,
      });
    }
    super(parameters, options, () => null);
    this.#bits = bits;
    this.#qat = qat;
  }

  override describe(): string {
    return `uniform: ${this.#bits} bits${this.#qat ? ', quantization-aware training' : ''}`;
  }

  protected override trainingValueOf({ name }: QuantizedParameter, value: tf.Tensor): tf.Tensor {
    return this.#qat ? uniformWeight(value, this.#bits, name) : value.clone();
  }

  protected override quantizedTensor({ variable }: QuantizedParameter): tf.Tensor {
    return throughUniformTensor(variable, tf.scalar(this.#bits));
  }

  protected override differentiableSize(fixedBits: number, factor: number): tf.Scalar {
    return tf.scalar((factor * (fixedBits + this.exactBits())) / bitsPerMiB);
  }

  protected override exactBits(): number {
    return this.quantized.reduce((sum, { variable }) => sum + this.#bits * variable.size + 64, 0);
  }

  protected override stored({ name, variable }: QuantizedParameter, values: Float32Array): StoredParameter {
    const range = uniformRange(values, name);
    return {
      name,
      shape: variable.shape,
      groupSize: variable.size,
      minBits: this.#bits,
      scales: Float32Array.of(range.min, range.max),
      bits: Uint8Array.of(this.#bits),
      levels: quantizeUniform(values, range, this.#bits),
    };
  }

  protected override dequantize({ levels, scales, bits }: StoredParameter): Float32Array {
    return dequantizeUniform(levels, { min: scales[0], max: scales[1] }, bits);
  }

  protected override trainableOf({ name }: QuantizedParameter, stored: StoredParameter): Float32Array {
    if (stored.bits.some((b) => b !== this.#bits)) {
      throw new TampError(`the state was made with ${stored.bits[0]} bits, not ${this.#bits}`, {
        code: 'format',
        at: { layer: name },
      });
    }
    return new Float32Array(0);
  }
}
