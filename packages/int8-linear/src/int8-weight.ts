import {
  type AffineScheme,
  checkFinite,
  chooseAffineParams,
  type ErrorLocation,
  levelRange,
  type QuantizedWeight,
  quantizeAffine,
  quantizeWeight,
  TampError,
} from '@tamp/core';
import type { ActivationSettings, Int8WeightGranularity } from './settings.js';

/** An int8 weight matrix in its plain form; value = (level − zero point) · scale. */
export interface Int8Weight extends QuantizedWeight {
  /** Output features. */
  readonly rows: number;
  /** Input features. */
  readonly columns: number;
  readonly scheme: AffineScheme;
}

/**
 * Whose levels: `fbgemm` multiplies by the float32 reciprocal of the scale (PyTorch's int8 linear layers);
 * `compressed-tensors` divides by the scale (LLM Compressor's W8A8 checkpoints). About one level in a thousand differs.
 */
export type Int8WeightRule = 'fbgemm' | 'compressed-tensors';

/** Options of {@link quantizeInt8Weight}. */
export interface QuantizeInt8WeightOptions {
  /** Default `channel`. */
  readonly granularity?: Int8WeightGranularity;
  /** Default `fbgemm`. */
  readonly rule?: Int8WeightRule;
  /** Names the layer in errors. */
  readonly layer?: string;
}

/** The rule of the system that has such activations: one scale per token is compressed-tensors', the rest PyTorch's. */
export function weightRule({ kind }: Pick<ActivationSettings, 'kind'>): Int8WeightRule {
  return kind === 'token' ? 'compressed-tensors' : 'fbgemm';
}

/** The scheme of an int8 weight: symmetric by channel, affine per tensor. */
export function int8Scheme(granularity: Int8WeightGranularity): AffineScheme {
  return { bits: 8, symmetric: granularity === 'channel', granularity: { kind: granularity } };
}

const range = levelRange(8);

/**
 * Quantizes a weight [rows, columns] (row-major, output channels first) to int8. `channel`: symmetric, scale
 * max|w| / 127.5 of the row, at least 2^-23. `tensor`: one range, affine, scale (max − min) / 255, as
 * `fbgemm_linear_quantize_weight` chooses it. Throws a `TampError`: `data` for NaN and infinities, `usage` for another
 * number of elements than rows × columns, for none at all, and for options that do not exist.
 */
export function quantizeInt8Weight(
  weight: Float32Array,
  rows: number,
  columns: number,
  options: QuantizeInt8WeightOptions = {},
): Int8Weight {
  const { granularity = 'channel', rule = 'fbgemm', layer } = options;
  const at = layer === undefined ? {} : { layer };
  checkChoice('granularity', granularity, ['channel', 'tensor'], at);
  checkChoice('rule', rule, ['fbgemm', 'compressed-tensors'], at);
  if (!(rows > 0 && columns > 0 && weight.length === rows * columns)) {
    throw new TampError(`the weight has ${weight.length} elements, not ${rows} × ${columns}`, {
      code: 'usage',
      at,
      remedy: 'Give at least one row (output feature) and one column (input feature).',
    });
  }
  const scheme = int8Scheme(granularity);
  if (rule === 'compressed-tensors') {
    return { ...quantizeWeight(weight, rows, columns, scheme, at), rows, columns, scheme };
  }
  checkFinite(weight, { columns, ...at });
  return { ...quantizeByFbgemm(weight, granularity === 'channel' ? rows : 1, scheme), rows, columns, scheme };
}

function checkChoice(option: string, value: string, choices: readonly string[], at: ErrorLocation): void {
  if (choices.includes(value)) return;
  throw new TampError(`there is no ${option} ${value}`, {
    code: 'usage',
    at,
    remedy: `Choose ${choices.join(' or ')}.`,
  });
}

function quantizeByFbgemm(
  weight: Float32Array,
  ranges: number,
  { symmetric }: AffineScheme,
): QuantizedWeight {
  const length = weight.length / ranges;
  const levels = new Int8Array(weight.length);
  const scales = new Float32Array(ranges);
  const zeroPoints = new Int8Array(ranges);
  for (let i = 0; i < ranges; i++) {
    const values = weight.subarray(i * length, (i + 1) * length);
    let low = 0;
    let high = 0;
    for (const value of values) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    const params = chooseAffineParams(low, high, {
      rule: symmetric ? 'observer' : 'fbgemm',
      symmetric,
      qmin: range.min,
      qmax: range.max,
    });
    scales[i] = params.scale;
    zeroPoints[i] = params.zeroPoint;
    quantizeAffine(values, params, range, levels.subarray(i * length, (i + 1) * length));
  }
  return symmetric ? { levels, scales } : { levels, scales, zeroPoints };
}

/** Throws a `TampError` (`usage`) unless a weight, as it may have been read from a file, is whole. */
export function checkInt8Weight({ rows, columns, scheme, levels, scales, zeroPoints }: Int8Weight): void {
  const fail = (problem: string): never => {
    throw new TampError(`the int8 weight ${problem}`, {
      code: 'usage',
      remedy: 'Give what quantizeInt8Weight() returned.',
    });
  };
  const kind = scheme?.granularity?.kind;
  if (scheme?.bits !== 8 || (kind !== 'channel' && kind !== 'tensor')) {
    fail('has no scheme of 8 bits, per channel or per tensor');
  }
  if (!(rows > 0 && columns > 0) || levels?.length !== rows * columns) {
    fail(`has ${levels?.length} levels, not ${rows} × ${columns}`);
  }
  const count = kind === 'tensor' ? 1 : rows;
  if (scales?.length !== count) fail(`has ${scales?.length} scales, not ${count}`);
  if (scheme.symmetric) {
    if (zeroPoints !== undefined) fail('is symmetric and has zero points');
  } else if (zeroPoints?.length !== count)
    fail(`has ${zeroPoints?.length ?? 'no'} zero points, not ${count}`);
}

/**
 * Σk level[n, k] − columns · zero point for each output channel n: what the zero point of the activations is
 * multiplied with (`fbgemm_linear_quantize_weight` returns it beside the levels). The kernels compute their own.
 */
export function columnOffsets({ levels, zeroPoints, rows, columns }: Int8Weight): Int32Array {
  return Int32Array.from({ length: rows }, (_, row) => {
    const zero = zeroPoints === undefined ? 0 : zeroPoints[zeroPoints.length === 1 ? 0 : row];
    return levels
      .subarray(row * columns, (row + 1) * columns)
      .reduce((sum, level) => sum + level, -columns * zero);
  });
}
