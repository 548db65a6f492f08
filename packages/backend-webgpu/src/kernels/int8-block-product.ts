import { activationBlockSize } from '@tamp/core';
import type * as tf from '@tensorflow/tfjs-core';
import { type ComputePass, workgroupNumber } from '../program/compute-program.js';
import { exactDivision } from '../wgsl/exact-division.js';
import { type IntegerDot, integerDot } from '../wgsl/integer-dot.js';
import { octetBytesAt, packedFormKey } from '../wgsl/unpack-levels.js';
import { unroll } from '../wgsl/unroll.js';
import { sumAt, type WorkgroupSum, workgroupSum, workgroupSumDeclarations } from '../wgsl/workgroup-sum.js';
import type { GroupwiseProduct } from './groupwise-product.js';
import { blockScale } from './round-to-int8-blocks.js';

/** Words of a row's levels, four each, in whole blocks. */
function levelWords(columns: number): number {
  return (Math.ceil(columns / activationBlockSize) * activationBlockSize) / 4;
}

/**
 * x [m, columns] as int8 levels in symmetric blocks along columns (core's `roundToInt8Blocks`): int32 [m, words], a row's
 * levels, filled up with zeros, and then the bits of its blocks' scales. Of eight levels in a row, one word has those
 * that {@link octetBytesAt} has in its first word, the next word the others.
 */
export function quantizeInt8BlocksPass(
  x: tf.TensorInfo,
  m: number,
  columns: number,
  bits: number,
): ComputePass {
  const blocks = Math.ceil(columns / activationBlockSize);
  const words = levelWords(columns) + blocks;
  // With 4 bits the even levels are in the first word.
  const place = bits === 4 ? '(i & ~7) | ((i & 1) << 2u) | ((i & 7) >> 1u)' : 'i';
  return {
    key: `quantize int8 blocks ${bits === 4}`,
    inputs: [{ name: 'x', tensor: x }],
    uniforms: [
      { name: 'all', type: 'int32', value: m * blocks },
      { name: 'blocks', type: 'int32', value: blocks },
      { name: 'columns', type: 'int32', value: columns },
      { name: 'words', type: 'int32', value: words },
    ],
    output: { shape: [m, words], dtype: 'int32' },
    workgroupSize: 64,
    workgroups: Math.ceil((m * blocks) / 64),
    code: `
${exactDivision}
${blockScale}
fn main(index : i32) {
  if (index >= uniforms.all) { return; }
  let row = index / uniforms.blocks;
  let block = index % uniforms.blocks;
  let start = row * uniforms.columns + ${activationBlockSize} * block;
  let used = min(${activationBlockSize}, uniforms.columns - ${activationBlockSize} * block);
  let scale = blockScale(start, start + used);
  let reciprocal = divideExactly(1.0, scale);
  var packed : array<u32, ${activationBlockSize / 4}>;
  for (var i = 0; i < used; i++) {
    let level = i32(round(x[start + i] * reciprocal));
    let at = ${place};
    packed[at >> 2u] |= (u32(level) & 255u) << (8u * (u32(at) & 3u));
  }
  let out = row * uniforms.words;
  for (var word = 0; word < ${activationBlockSize / 4}; word++) {
    result[out + ${activationBlockSize / 4} * block + word] = i32(packed[word]);
  }
  result[out + uniforms.words - uniforms.blocks + block] = bitcast<i32>(scale);
}
`,
  };
}

/** A product whose x comes from {@link quantizeInt8BlocksPass}; eight weights in a row share a scale. */
export interface Int8BlockProduct extends GroupwiseProduct {
  readonly dot: IntegerDot;
}

const rowsAtATime = 4;
const threads = 64;
const channelsAtATime = 4;

/** For few rows, in integers within eight columns: a workgroup computes up to 4 rows of 4 channels. */
export function int8BlockProductPass(product: Int8BlockProduct): ComputePass {
  const { x, m, weight, bias, dot, smallestSubgroup } = product;
  const tall = Math.min(m, rowsAtATime);
  const sum: WorkgroupSum = {
    type: 'f32',
    threads,
    count: tall * channelsAtATime,
    smallestSubgroup,
  };
  const acc = (i: number, j: number): string => `acc_${i}_${j}`;
  return {
    key: `int8 blocks ${tall} ${packedFormKey(weight.form)} ${dot} ${smallestSubgroup}`,
    inputs: [{ name: 'x', tensor: x }, ...weight.inputs, ...bias],
    uniforms: [
      { name: 'm', type: 'int32', value: m },
      { name: 'xWords', type: 'int32', value: x.shape[1] },
      { name: 'xLevelWords', type: 'int32', value: levelWords(weight.columns) },
      ...weight.uniforms,
    ],
    output: { shape: [m, weight.rows], dtype: 'float32' },
    workgroupSize: threads,
    workgroups: Math.ceil(m / tall) * Math.ceil(weight.rows / channelsAtATime),
    code: `
${workgroupNumber}
${integerDot(dot)}
${octetBytesAt(weight.form)}
${workgroupSumDeclarations(sum)}
fn main(index : i32) {
  let across = (uniforms.rows + ${channelsAtATime - 1}) / ${channelsAtATime};
  let firstRow = (workgroupNumber() / across) * ${tall};
  let firstChannel = (workgroupNumber() % across) * ${channelsAtATime};
  let lane = i32(localIndex);
  ${unroll(tall, (i) => `let row_${i} = min(firstRow + ${i}, uniforms.m - 1) * uniforms.xWords;`)}
  ${unroll(channelsAtATime, (j) => `let channel_${j} = min(firstChannel + ${j}, uniforms.rows - 1);`)}
  ${unroll(tall, (i) => unroll(channelsAtATime, (j) => `var ${acc(i, j)} = 0.0;`))}
  for (var octet = lane; 8 * octet < uniforms.columns; octet += ${threads}) {
    ${unroll(
      tall,
      (i) => `let x_${i} = u32(x[row_${i} + 2 * octet]);
    let y_${i} = u32(x[row_${i} + 2 * octet + 1]);
    let s_${i} = bitcast<f32>(x[row_${i} + uniforms.xLevelWords + octet / ${activationBlockSize / 8}]);
    let all_${i} = dotInt8(x_${i}, 0x01010101u) + dotInt8(y_${i}, 0x01010101u);`,
    )}
    ${unroll(
      channelsAtATime,
      (j) => `let w_${j} = octetBytesAt(channel_${j}, octet);
    ${unroll(
      tall,
      (i) =>
        `${acc(i, j)} += f32(dotInt8(x_${i}, w_${j}.a) + dotInt8(y_${i}, w_${j}.b) - w_${j}.zero * all_${i}) * (s_${i} * w_${j}.scale);`,
    )}`,
    )}
  }
  ${workgroupSum(
    sum,
    Array.from({ length: sum.count }, (_, i) => acc(Math.floor(i / channelsAtATime), i % channelsAtATime)),
  )}
  let row = firstRow + lane / ${channelsAtATime};
  let channel = firstChannel + lane % ${channelsAtATime};
  if (lane < ${sum.count} && row < uniforms.m && channel < uniforms.rows) {
    result[row * uniforms.rows + channel] = ${sumAt(sum, 'lane')}${bias.length > 0 ? ' + bias[channel]' : ''};
  }
}
`,
  };
}
