import { activationBlockSize } from '@tamp/core';
import type * as tf from '@tensorflow/tfjs-core';
import type { ComputePass } from '../program/compute-program.js';
import { exactDivision } from '../wgsl/exact-division.js';

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
fn main(index : i32) {
  if (index >= uniforms.all) { return; }
  let row = index / uniforms.blocks;
  let first = (index % uniforms.blocks) * ${activationBlockSize};
  let last = row * uniforms.columns + min(first + ${activationBlockSize}, uniforms.columns);
  var largest = 0u;
  for (var i = row * uniforms.columns + first; i < last; i++) {
    largest = max(largest, bitcast<u32>(x[i]) & 0x7fffffffu);
  }
  var scale = divideExactly(bitcast<f32>(largest), 127.0);
  if (scale == 0.0) { scale = 1.0; }
  let reciprocal = divideExactly(1.0, scale);
  for (var i = row * uniforms.columns + first; i < last; i++) {
    result[i] = round(x[i] * reciprocal) * scale;
  }
}
`,
  };
}
