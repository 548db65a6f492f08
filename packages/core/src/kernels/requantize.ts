import * as tf from '@tensorflow/tfjs-core';
import { roundHalfEven } from '../numeric/round-half-even.js';
import type { QuantizedOperand } from './quantized-operand.js';
import { runPackedKernel } from './run-kernel.js';

/** Scale and zero point of values that are held as levels: value = (level − zeroPoint) · scale, level 0…255. */
export interface LevelParams {
  /** A float32. */
  readonly scale: number;
  readonly zeroPoint: number;
}

/** The largest level of an activation; the smallest is 0. Also with a reduced range, as in PyTorch: it leaves room. */
const largestLevel = 255;

/**
 * Levels of float values: clamp(roundHalfEven(fround(x · fround(1/scale))) + zeroPoint), int32. Each step is one
 * exactly rounded float32 operation, so every backend gives the same levels.
 */
export function quantizeLevels(x: tf.Tensor, { scale, zeroPoint }: LevelParams): tf.Tensor {
  return tf.cast(toLevels(tf.mul(x, Math.fround(1 / scale)), zeroPoint, 0), 'int32');
}

/** fround((level − zeroPoint) · scale). */
export function dequantizeLevels(levels: tf.Tensor, { scale, zeroPoint }: LevelParams): tf.Tensor {
  return tf.mul(tf.sub(tf.cast(levels, 'float32'), zeroPoint), scale);
}

/**
 * Rounds values in units of the new scale to levels, as float32. `lowest` is the smallest level: the zero point fuses a ReLU, else
 * it is 0.
 */
function toLevels(x: tf.Tensor, zeroPoint: number, lowest: number): tf.Tensor {
  const shifted = tf.add(tf.round(x), zeroPoint);
  return tf.clipByValue(shifted, lowest, largestLevel);
}

/** How a layer's sums become the levels of its output. */
export interface Requantization {
  /** Zero point of the output. */
  readonly zeroPoint: number;
  /** Smallest level: 0, or the zero point to fuse a ReLU. */
  readonly lowest: number;
}

/**
 * Σk (x[m, k] − inputZeroPoint) · (w[n, k] − weight zero point) for levels x [m, columns] and an int8 weight, as
 * float32: the exact int32 sum, rounded once. `TampInt8Linear` with all scales 1, so every backend that has that
 * kernel gives the same bits.
 */
function levelSums(x: tf.Tensor, weight: QuantizedOperand, inputZeroPoint: number): tf.Tensor {
  const { rows, columns } = weight;
  return runPackedKernel(
    'TampInt8Linear',
    {
      // The subtraction comes after the cast: on WebGPU a cast to float alone leaves integers in the buffer.
      x: tf.sub(tf.cast(x, 'float32'), inputZeroPoint),
      levels: weight.levels,
      scales: tf.ones([rows, 1]),
      zeroPoints: weight.zeroPoints ?? undefined,
    },
    {
      rows,
      columns,
      activation: 'static',
      reduceRange: false,
      scale: 1,
      zeroPoint: inputZeroPoint,
    },
  );
}

/**
 * Levels x int32 [m, columns] times an int8 weight, as levels of the output [m, rows], still float32. `multiplier` [rows] is
 * fround(fround(input scale · weight scale) / output scale); `offset` [rows] is the bias in units of the sums,
 * fround(bias / fround(input scale · weight scale)). Arithmetic, in this order and in float32 (FBGEMM's
 * requantization): sum = fround(exact int32 sum); fround(sum + offset); fround(· multiplier); roundHalfEven; + zero
 * point; clamp. Division happens once, when the model is made; addition, product and rounding are exact on every
 * backend, so the levels are equal on all. Reference: {@link requantizeReference}.
 */
export function levelsLinear(
  x: tf.Tensor,
  weight: QuantizedOperand,
  { multiplier, offset }: { readonly multiplier: tf.Tensor; readonly offset: tf.Tensor },
  inputZeroPoint: number,
  { zeroPoint, lowest }: Requantization,
): tf.Tensor {
  const sums = levelSums(x, weight, inputZeroPoint);
  return toLevels(tf.mul(tf.add(sums, offset), multiplier), zeroPoint, lowest);
}

/**
 * Sum of two values held as levels, as levels of the result: fround(a) + fround(b) of the dequantized values, times
 * fround(1/scale), rounded half to even, plus zero point, clamped (PyTorch's `quantized::add`).
 */
export function levelsAdd(
  a: tf.Tensor,
  aParams: LevelParams,
  b: tf.Tensor,
  bParams: LevelParams,
  result: LevelParams & Requantization,
): tf.Tensor {
  const sum = tf.add(dequantizeLevels(a, aParams), dequantizeLevels(b, bParams));
  const scaled = tf.mul(sum, Math.fround(1 / result.scale));
  return tf.cast(toLevels(scaled, result.zeroPoint, result.lowest), 'int32');
}

/** The rule of {@link levelsLinear} for one output, in plain numbers. `sum` is the exact integer. */
export function requantizeReference(
  sum: number,
  multiplier: number,
  offset: number,
  { zeroPoint, lowest }: Requantization,
): number {
  const scaled = Math.fround(Math.fround(Math.fround(sum) + offset) * multiplier);
  return Math.min(Math.max(roundHalfEven(scaled) + zeroPoint, lowest), largestLevel);
}
