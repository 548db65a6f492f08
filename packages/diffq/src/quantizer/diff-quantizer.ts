import { dequantizeUniform, maxUniformBits, quantizeUniform, TampError, uniformRange } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import { type BitsRule, bitsOfLogits, type LogitMeaning, logitOfBits } from '../maths/bits.js';
import { elementsPerGroup } from '../maths/group-size.js';
import { roundedBits } from '../maths/rounded-bits.js';
import { bitsTensors } from '../noise/bits-tensor.js';
import { noisyWeight } from '../noise/noise-operation.js';
import { type NoiseKind, type NoiseSource, seededNoise } from '../noise/noise-source.js';
import { floatsOf } from '../noise/synchronous-backend.js';
import type { NamedVariable } from '../selection/selection.js';
import { differentiableSize, parameterBits } from '../size/model-size.js';
import type { StoredParameter } from '../state/state.js';
import { throughUniformTensor } from '../uniform/straight-through.js';
import { type QuantizedParameter, Quantizer, type QuantizerOptions } from './quantizer.js';
import { freeVariableName } from './variable-name.js';

/** Options of {@link DiffQuantizer}. */
export interface DiffQuantizerOptions extends QuantizerOptions {
  /** Consecutive elements that share their bits; 0: the whole tensor. Must divide every quantized parameter. Default 1. */
  readonly groupSize?: number;
  /** Fewest bits, a whole number from 1. Default 2. */
  readonly minBits?: number;
  /** Most bits, up to 15. Default 15. */
  readonly maxBits?: number;
  /** Bits at the start, between the two. Default 8. */
  readonly initBits?: number;
  /** Bits added in evaluation and in sizes, not in training; 0 or more. Default 0. */
  readonly extraBits?: number;
  /** What a logit interpolates: the bits or the logarithm of the noise scale. Default 'bits'. */
  readonly param?: LogitMeaning;
  /** Distribution of the noise. Default 'gaussian'. */
  readonly noise?: NoiseKind;
  /** Seed of the noise: a whole number from 0. Default 0. */
  readonly seed?: number;
  /** Noise from elsewhere, in place of the seeded generator. */
  readonly noiseSource?: NoiseSource;
  /** What the names of the logits' variables end with. Default '_diffq'. */
  readonly suffix?: string;
}

type Settings = Required<Omit<DiffQuantizerOptions, keyof QuantizerOptions | 'noiseSource'>> &
  QuantizerOptions;

function usage(problem: string, remedy: string): TampError {
  return new TampError(problem, { code: 'usage', remedy });
}

function checkSettings({ groupSize, minBits, maxBits, initBits, extraBits }: Settings): void {
  if (!Number.isSafeInteger(groupSize) || groupSize < 0) {
    throw usage(
      `groupSize ${groupSize} is not possible`,
      'Give a whole number, or 0 for one group per tensor.',
    );
  }
  if (!Number.isInteger(minBits) || minBits < 1) {
    throw usage(
      `minBits ${minBits} is not possible`,
      'Give a whole number from 1: bits are stored with minBits as offset.',
    );
  }
  if (!(minBits < initBits && initBits < maxBits && maxBits <= maxUniformBits)) {
    throw usage(
      `minBits ${minBits}, initBits ${initBits} and maxBits ${maxBits} are out of order`,
      `They must satisfy minBits < initBits < maxBits ≤ ${maxUniformBits}.`,
    );
  }
  if (!(extraBits >= 0 && extraBits < Infinity)) {
    throw usage(`extraBits ${extraBits} is not possible`, 'Give a number from 0.');
  }
}

/**
 * DiffQ: learns a number of bits for each group of weights while the model trains, by pseudo quantization noise whose
 * amplitude depends on the bits, against a penalty on the model's size. Source: Défossez, Adi, Synnaeve,
 * "Differentiable Model Compression via Pseudo Quantization Noise", arXiv 2104.09987.
 *
 * Throws a `TampError` (`usage`) for options out of order, a group size that does not divide, and a parameter that a
 * quantizer is attached to already.
 */
export class DiffQuantizer extends Quantizer {
  override readonly method = 'diffq';
  protected override readonly needsOptimizer = true;
  readonly #settings: Settings;
  readonly #rule: BitsRule;
  readonly #noise: NoiseSource;
  /** Noise arrays that are free again, by length: a new one for each step would cost more than drawing the numbers. */
  readonly #spare = new Map<number, Float32Array[]>();

  constructor(parameters: readonly NamedVariable[], options: DiffQuantizerOptions = {}) {
    const settings: Settings = {
      groupSize: 1,
      minBits: 2,
      maxBits: 15,
      initBits: 8,
      extraBits: 0,
      param: 'bits',
      noise: 'gaussian',
      seed: 0,
      suffix: '_diffq',
      ...options,
    };
    checkSettings(settings);
    const noise = options.noiseSource ?? seededNoise(settings.seed, settings.noise);
    const start = logitOfBits(settings.initBits, settings);
    super(parameters, options, ({ name, variable }) => {
      const groups = variable.size / elementsPerGroup(settings.groupSize, variable.size, name);
      return tf.tidy(() =>
        tf.variable(tf.fill([groups], start), true, freeVariableName(`${name}${settings.suffix}`)),
      );
    });
    this.#settings = settings;
    this.#rule = { param: settings.param, minBits: settings.minBits, maxBits: settings.maxBits };
    this.#noise = noise;
  }

  override describe(): string {
    const { groupSize, minBits, maxBits, initBits, extraBits, param, noise, minSize = 0.01 } = this.#settings;
    const extra = extraBits === 0 ? '' : ` + ${extraBits}`;
    return `DiffQ: groups of ${groupSize === 0 ? 'a whole tensor' : groupSize}, ${minBits} to ${maxBits} bits${extra} from ${initBits}, ${noise} noise, logits mean ${param}, parameters above ${minSize} MiB`;
  }

  /** Real bits of each group of a quantized parameter. */
  bitsOf(parameter: QuantizedParameter): Float32Array {
    return bitsOfLogits(floatsOf(logitsOf(parameter)), this.#rule);
  }

  /** Rounded bits of each group, as evaluation and storage use them, by parameter. */
  async roundedBits(): Promise<ReadonlyMap<string, Uint8Array>> {
    const result = new Map<string, Uint8Array>();
    for (const parameter of this.quantized) {
      const logits = Float32Array.from(await logitsOf(parameter).data());
      result.set(parameter.name, this.#rounded(logits));
    }
    return result;
  }

  /** Mean of the rounded bits over all quantized weights. */
  async meanBits(): Promise<number> {
    let sum = 0;
    let count = 0;
    const rounded = await this.roundedBits();
    for (const parameter of this.quantized) {
      const bits = rounded.get(parameter.name) ?? [];
      const size = this.#groupSize(parameter);
      for (const b of bits) sum += b * size;
      count += parameter.variable.size;
    }
    return sum / count;
  }

  #rounded(logits: Float32Array): Uint8Array {
    return roundedBits(bitsOfLogits(logits, this.#rule), this.#settings.extraBits);
  }

  #groupSize({ name, variable }: QuantizedParameter): number {
    return elementsPerGroup(this.#settings.groupSize, variable.size, name);
  }

  protected override trainingValueOf(
    parameter: QuantizedParameter,
    value: tf.Tensor,
    index: number,
    step: number,
  ): tf.Tensor {
    const { size } = value;
    const noise = this.#spare.get(size)?.pop() ?? new Float32Array(size);
    this.#noise.fill(noise, index, step);
    return noisyWeight({
      weight: value,
      logits: logitsOf(parameter),
      groupSize: this.#groupSize(parameter),
      rule: this.#rule,
      noise,
      release: () => {
        const spare = this.#spare.get(size) ?? [];
        spare.push(noise);
        this.#spare.set(size, spare);
      },
      layer: parameter.name,
    });
  }

  protected override quantizedTensor(parameter: QuantizedParameter): tf.Tensor {
    const { bits } = bitsTensors(tf.reshape(logitsOf(parameter), [-1, 1]), this.#rule);
    const rounded = tf.clipByValue(tf.round(tf.add(bits, this.#settings.extraBits)), 1, maxUniformBits);
    return throughUniformTensor(parameter.variable, rounded);
  }

  protected override differentiableSize(fixedBits: number, factor: number): tf.Scalar {
    const sized = this.quantized.map((parameter) => ({
      logits: logitsOf(parameter),
      groupSize: this.#groupSize(parameter),
    }));
    return differentiableSize(sized, this.#rule, this.#settings.extraBits, fixedBits, factor);
  }

  protected override exactBits(trainables: readonly Float32Array[]): number {
    return this.quantized.reduce(
      (sum, parameter, i) =>
        sum + parameterBits(this.#rounded(trainables[i]), this.#groupSize(parameter), this.#settings.minBits),
      0,
    );
  }

  protected override bitsBounds(): { readonly least: number; readonly most: number } {
    const extreme = (logit: number): number =>
      this.exactBits(
        this.quantized.map((parameter) => new Float32Array(logitsOf(parameter).size).fill(logit)),
      );
    return { least: extreme(-Infinity), most: extreme(Infinity) };
  }

  protected override stored(
    parameter: QuantizedParameter,
    values: Float32Array,
    trainable: Float32Array,
  ): StoredParameter {
    const { name, variable } = parameter;
    const range = uniformRange(values, name);
    const bits = this.#rounded(trainable);
    return {
      name,
      shape: variable.shape,
      groupSize: this.#groupSize(parameter),
      minBits: this.#settings.minBits,
      scales: Float32Array.of(range.min, range.max),
      bits,
      levels: quantizeUniform(values, range, bits),
    };
  }

  protected override dequantize({ levels, scales, bits }: StoredParameter): Float32Array {
    return dequantizeUniform(levels, { min: scales[0], max: scales[1] }, bits);
  }

  protected override trainableOf(parameter: QuantizedParameter, stored: StoredParameter): Float32Array {
    const { extraBits, minBits, maxBits } = this.#settings;
    if (stored.groupSize !== this.#groupSize(parameter) || stored.minBits !== minBits) {
      throw new TampError('the state was made with another groupSize or minBits', {
        code: 'format',
        at: { layer: parameter.name },
        remedy: `It has groupSize ${stored.groupSize} and minBits ${stored.minBits}.`,
      });
    }
    // At the bounds themselves a logit is infinite and learns no more; a hundredth inside, it rounds the same.
    return Float32Array.from(stored.bits, (b) =>
      logitOfBits(Math.min(Math.max(b - extraBits, minBits + 0.01), maxBits - 0.01), this.#rule),
    );
  }
}

function logitsOf({ name, trainable }: QuantizedParameter): tf.Variable {
  if (trainable !== null) return trainable;
  throw new TampError('a parameter of DiffQ lacks its logits', { code: 'internal', at: { layer: name } });
}
