import { activationBlockSize } from '@tamp/core';
import type * as tf from '@tensorflow/tfjs-core';
import type { ComputePass } from '../program/compute-program.js';
import { exactDivision } from '../wgsl/exact-division.js';

/** WGSL, after `exactDivision`: `blockScale(start, end)`, the scale of the block of `x` in that range. */
export const blockScale = `
fn blockScale(start : i32, end : i32) -> f32 {
  var largest = 0u;
  for (var i = start; i < end; i++) { largest = max(largest, bitcast<u32>(x[i]) & 0x7fffffffu); }
  let scale = divideExactly(bitcast<f32>(largest), 127.0);
  return select(scale, 1.0, scale == 0.0);
}
`;

/** x [m, columns] rounded to int8 levels in symmetric blocks along columns, back as floats (core's `roundToInt8Blocks`). */
export function roundToInt8BlocksPass(x: tf.TensorInfo, m: number, columns: number): ComputePass {
  const blocks = Math.ceil(columns / activationBlockSize);
  return {
    key: 'int8 blocks',
    inputs: [{ name: 'x', tensor: x }],
    uniforms: [
      { name: 'all', type: 'int32', value: m * blocks },
      { name: 'blocks', type: 'int32', value: blocks },
      { name: 'columns', type: 'int32', value: columns },
    ],
    output: { shape: [m, columns], dtype: 'float32' },
    workgroupSize: 64,
    workgroups: Math.ceil((m * blocks) / 64),
    code: `
${exactDivision}
${blockScale}
fn main(index : i32) {
  if (index >= uniforms.all) { return; }
  let row = index / uniforms.blocks;
  let first = (index % uniforms.blocks) * ${activationBlockSize};
  let last = row * uniforms.columns + min(first + ${activationBlockSize}, uniforms.columns);
  let scale = blockScale(row * uniforms.columns + first, last);
  let reciprocal = divideExactly(1.0, scale);
  for (var i = row * uniforms.columns + first; i < last; i++) {
    result[i] = round(x[i] * reciprocal) * scale;
  }
}
`,
  };
}
