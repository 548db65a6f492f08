import type * as tf from '@tensorflow/tfjs-core';
import { workgroupNumber } from '../program/compute-program.js';
import { defineKernel } from '../program/kernel-call.js';

const threads = 64;

/** `TampRmsNorm`: a workgroup per row. */
export function rmsNormKernel(): tf.KernelConfig {
  return defineKernel('TampRmsNorm', (call) => {
    const x = call.input('x');
    const weight = call.input('weight');
    const [width] = weight.shape;
    const rows = width === 0 ? 0 : x.shape.reduce((a, b) => a * b, 1) / width;
    return call.run({
      key: 'rms norm',
      inputs: [
        { name: 'x', tensor: x },
        { name: 'weight', tensor: weight },
      ],
      uniforms: [
        { name: 'rows', type: 'int32', value: rows },
        { name: 'width', type: 'int32', value: width },
        { name: 'epsilon', type: 'float32', value: call.number('epsilon') },
      ],
      output: { shape: x.shape, dtype: 'float32' },
      workgroupSize: threads,
      workgroups: rows,
      code: `
${workgroupNumber}
var<workgroup> sums : array<f32, ${threads}>;
fn main(index : i32) {
  let base = min(workgroupNumber(), uniforms.rows - 1) * uniforms.width;
  var sum = 0.0;
  for (var k = i32(localIndex); k < uniforms.width; k += ${threads}) { sum += x[base + k] * x[base + k]; }
  sums[localIndex] = sum;
  for (var stride = ${threads / 2}u; stride > 0u; stride = stride >> 1u) {
    workgroupBarrier();
    if (localIndex < stride) { sums[localIndex] += sums[localIndex + stride]; }
  }
  workgroupBarrier();
  let factor = inverseSqrt(sums[0] / f32(uniforms.width) + uniforms.epsilon);
  for (var k = i32(localIndex); k < uniforms.width; k += ${threads}) {
    result[base + k] = x[base + k] * factor * weight[k];
  }
}
`,
    });
  });
}
