import type * as tf from '@tensorflow/tfjs-core';
import { defineKernel } from '../program/kernel-call.js';
import { packedFormKey, valueAt } from '../wgsl/unpack-levels.js';
import { packedWeight } from './packed-weight.js';

const threads = 64;

/** `TampDequantizeWeight`. */
export function dequantizeWeightKernel(): tf.KernelConfig {
  return defineKernel('TampDequantizeWeight', (call) => {
    const { form, rows, columns, inputs, uniforms } = packedWeight(call);
    return call.run({
      key: `dequantize ${packedFormKey(form)}`,
      inputs,
      uniforms,
      output: { shape: [rows, columns], dtype: 'float32' },
      workgroupSize: threads,
      workgroups: Math.ceil((rows * columns) / threads),
      code: `
${valueAt(form)}
fn main(index : i32) {
  if (index < uniforms.rows * uniforms.columns) {
    result[index] = valueAt(index / uniforms.columns, index % uniforms.columns);
  }
}
`,
    });
  });
}

/** `TampGatherRows`. A row outside of the table is NaN: a GPU cannot report it, and other rows must not take its place. */
export function gatherRowsKernel(): tf.KernelConfig {
  return defineKernel('TampGatherRows', (call) => {
    const { form, columns, inputs, uniforms } = packedWeight(call);
    const ids = call.input('ids');
    const count = ids.shape[0];
    return call.run({
      key: `gather ${packedFormKey(form)}`,
      inputs: [{ name: 'ids', tensor: ids }, ...inputs],
      uniforms: [...uniforms, { name: 'count', type: 'int32', value: count }],
      output: { shape: [count, columns], dtype: 'float32' },
      workgroupSize: threads,
      workgroups: Math.ceil((count * columns) / threads),
      code: `
${valueAt(form)}
fn main(index : i32) {
  if (index >= uniforms.count * uniforms.columns) { return; }
  let row = ids[index / uniforms.columns];
  if (row < 0 || row >= uniforms.rows) {
    result[index] = uniforms.NAN;
  } else {
    result[index] = valueAt(row, index % uniforms.columns);
  }
}
`,
    });
  });
}
