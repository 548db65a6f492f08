import type * as tf from '@tensorflow/tfjs-core';
import type { ComputePass } from '../program/compute-program.js';
import { workgroupNumber } from '../program/compute-program.js';
import { exactDivision, fbgemmParameters } from '../wgsl/exact-division.js';

/** How an int8 layer quantizes its input: core's `Int8Activation` with the levels' upper end. */
export type ActivationQuantization =
  | { readonly kind: 'token' }
  | { readonly kind: 'tensor'; readonly largestLevel: number }
  | {
      readonly kind: 'static';
      readonly largestLevel: number;
      readonly scale: number;
      readonly zeroPoint: number;
    };

/**
 * Words before a row's levels in a quantized activation: the scale's bits, the zero point, the sum of the row's levels,
 * unused. Levels 0 … 255 are stored 128 lower, as signed bytes, and the zero point with them: the differences that
 * count stay the same.
 */
export const headerWords = 4;

const threads = 64;

/** Words of a quantized row. */
export function quantizedRowWords(columns: number): number {
  return headerWords + Math.ceil(columns / 4);
}

/** One workgroup's bitwise maximum of |x|; the bits of floats that are not negative are ordered like the floats. */
const reduction = (name: string): string => `
fn reduce_${name}() {
  for (var stride = ${threads / 2}u; stride > 0u; stride = stride >> 1u) {
    workgroupBarrier();
    if (localIndex < stride) { ${name}[localIndex] = max(${name}[localIndex], ${name}[localIndex + stride]); }
  }
  workgroupBarrier();
}`;

/** Per workgroup the bits of the largest value and of the largest −value, neither below 0: int32 [workgroups, 2]. */
export function rangePass(x: tf.TensorInfo, size: number): ComputePass {
  const perWorkgroup = Math.max(threads * 16, Math.ceil(size / 256));
  const workgroups = Math.max(1, Math.ceil(size / perWorkgroup));
  return {
    key: 'range',
    inputs: [{ name: 'x', tensor: x }],
    uniforms: [
      { name: 'elements', type: 'int32', value: size },
      { name: 'perWorkgroup', type: 'int32', value: perWorkgroup },
    ],
    output: { shape: [workgroups, 2], dtype: 'int32' },
    workgroupSize: threads,
    workgroups,
    code: `
${workgroupNumber}
var<workgroup> above : array<u32, ${threads}>;
var<workgroup> below : array<u32, ${threads}>;
${reduction('above')}
${reduction('below')}
fn main(index : i32) {
  let start = workgroupNumber() * uniforms.perWorkgroup;
  let end = min(start + uniforms.perWorkgroup, uniforms.elements);
  var high = 0u;
  var low = 0u;
  for (var i = start + i32(localIndex); i < end; i += ${threads}) {
    let bits = bitcast<u32>(x[i]);
    if (bits < 0x80000000u) { high = max(high, bits); } else { low = max(low, bits & 0x7fffffffu); }
  }
  above[localIndex] = high;
  below[localIndex] = low;
  reduce_above();
  reduce_below();
  if (localIndex == 0u) {
    result[2 * workgroupNumber()] = i32(above[0]);
    result[2 * workgroupNumber() + 1] = i32(below[0]);
  }
}
`,
  };
}

function parameterCode(kind: ActivationQuantization['kind']): string {
  switch (kind) {
    case 'token':
      return `
  var bits = 0u;
  for (var k = i32(localIndex); k < uniforms.columns; k += ${threads}) {
    bits = max(bits, bitcast<u32>(x[base + k]) & 0x7fffffffu);
  }
  above[localIndex] = bits;
  reduce_above();
  var scale = max(divideExactly(bitcast<f32>(above[0]), 127.5), ${2 ** -23}f);
  if (above[0] >= infinityBits) { scale = notANumber(above[0]); }
  let reciprocal = divideExactly(1.0, scale);
  let zeroPoint = 0;`;
    case 'tensor':
      return `
  var high = 0u;
  var low = 0u;
  for (var i = i32(localIndex); i < uniforms.ranges; i += ${threads}) {
    high = max(high, u32(range[2 * i]));
    low = max(low, u32(range[2 * i + 1]));
  }
  above[localIndex] = high;
  below[localIndex] = low;
  reduce_above();
  reduce_below();
  let chosen = chooseParameters(bitcast<f32>(below[0]), bitcast<f32>(above[0]), u32(uniforms.largestLevel));
  var scale = chosen.scale;
  if (max(above[0], below[0]) >= infinityBits) { scale = notANumber(above[0]); }
  let reciprocal = divideExactly(1.0, scale);
  let zeroPoint = chosen.zeroPoint - 128;`;
    case 'static':
      return `
  let scale = uniforms.scale;
  let reciprocal = uniforms.reciprocal;
  let zeroPoint = uniforms.zeroPoint - 128;`;
  }
}

/**
 * x [m, columns] as int8 levels with a header per row: int32 [m, {@link quantizedRowWords}], rows filled up with
 * zeros. `range` is the result of {@link rangePass} for the kind `tensor`.
 */
export function quantizePass(
  x: tf.TensorInfo,
  m: number,
  columns: number,
  quantization: ActivationQuantization,
  range: tf.TensorInfo | undefined,
): ComputePass {
  const { kind } = quantization;
  const largestLevel = kind === 'token' ? 127 : quantization.largestLevel - 128;
  const ofKind: ComputePass['uniforms'] =
    quantization.kind === 'static'
      ? [
          { name: 'scale', type: 'float32', value: quantization.scale },
          { name: 'reciprocal', type: 'float32', value: Math.fround(1 / quantization.scale) },
          { name: 'zeroPoint', type: 'int32', value: quantization.zeroPoint },
        ]
      : quantization.kind === 'tensor'
        ? [
            { name: 'ranges', type: 'int32', value: range?.shape[0] ?? 0 },
            { name: 'largestLevel', type: 'int32', value: quantization.largestLevel },
          ]
        : [];
  return {
    key: `quantize ${kind}`,
    inputs: [
      { name: 'x', tensor: x },
      ...(range === undefined ? [] : [{ name: 'range', tensor: range } as const]),
    ],
    uniforms: [
      { name: 'rows', type: 'int32', value: m },
      { name: 'columns', type: 'int32', value: columns },
      { name: 'words', type: 'int32', value: quantizedRowWords(columns) },
      { name: 'upperEnd', type: 'int32', value: largestLevel },
      ...ofKind,
    ],
    output: { shape: [m, quantizedRowWords(columns)], dtype: 'int32' },
    workgroupSize: threads,
    workgroups: m,
    code: `
${workgroupNumber}
${exactDivision}
${kind === 'tensor' ? fbgemmParameters : ''}
const infinityBits = 0x7f800000u;
// Of bits that the compiler does not know: WGSL has no constant for it.
fn notANumber(bits : u32) -> f32 { return bitcast<f32>(bits | 0x7fc00000u); }
var<workgroup> above : array<u32, ${threads}>;
var<workgroup> below : array<u32, ${threads}>;
var<workgroup> sums : array<i32, ${threads}>;
${reduction('above')}
${reduction('below')}
fn main(index : i32) {
  // Workgroups beyond the rows compute the last one again.
  let row = min(workgroupNumber(), uniforms.rows - 1);
  let base = row * uniforms.columns;
  ${parameterCode(kind)}
  let out = row * uniforms.words;
  var sum = 0;
  for (var word = i32(localIndex); word < uniforms.words - ${headerWords}; word += ${threads}) {
    var packed = 0u;
    for (var i = 0; i < 4; i++) {
      let k = 4 * word + i;
      if (k < uniforms.columns) {
        // Far above any level and far below overflow.
        var rounded = i32(clamp(round(x[base + k] * reciprocal), -65536.0, 65536.0));
        // NaN has the smallest level; a clamp may give it either end.
        if ((bitcast<u32>(x[base + k]) & 0x7fffffffu) > infinityBits) { rounded = -65536; }
        let level = clamp(rounded + zeroPoint, -128, uniforms.upperEnd);
        sum += level;
        packed |= (u32(level) & 255u) << (8u * u32(i));
      }
    }
    result[out + ${headerWords} + word] = i32(packed);
  }
  sums[localIndex] = sum;
  for (var stride = ${threads / 2}u; stride > 0u; stride = stride >> 1u) {
    workgroupBarrier();
    if (localIndex < stride) { sums[localIndex] += sums[localIndex + stride]; }
  }
  if (localIndex == 0u) {
    result[out] = bitcast<i32>(scale);
    result[out + 1] = zeroPoint;
    result[out + 2] = sums[0];
    result[out + 3] = 0;
  }
}
`,
  };
}
