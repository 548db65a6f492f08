import type * as tf from '@tensorflow/tfjs-core';
import { workgroupNumber } from '../program/compute-program.js';
import { defineKernel } from '../program/kernel-call.js';
import { exactDivision } from '../wgsl/exact-division.js';
import { exactSqrt, nothingUniform, roundedProduct } from '../wgsl/exact-float.js';

const threads = 64;

/** `TampRmsNorm`: a workgroup per row; sums in the order of the CPU kernel, eight at a time. */
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
        nothingUniform,
      ],
      output: { shape: x.shape, dtype: 'float32' },
      workgroupSize: threads,
      workgroups: rows,
      code: `
${workgroupNumber}
${exactDivision}
${roundedProduct}
${exactSqrt}
var<workgroup> sums : array<f32, 8>;
fn main(index : i32) {
  let base = min(workgroupNumber(), uniforms.rows - 1) * uniforms.width;
  let whole = uniforms.width & ~7;
  if (localIndex < 8u) {
    var sum = 0.0;
    for (var k = i32(localIndex); k < whole; k += 8) { sum += rounded(x[base + k] * x[base + k]); }
    sums[localIndex] = sum;
  }
  workgroupBarrier();
  var sum = ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
  for (var k = whole; k < uniforms.width; k++) { sum += rounded(x[base + k] * x[base + k]); }
  let mean = divideExactly(sum, f32(uniforms.width));
  let factor = divideExactly(1.0, sqrtExactly(mean + uniforms.epsilon));
  for (var k = i32(localIndex); k < uniforms.width; k += ${threads}) {
    result[base + k] = x[base + k] * factor * weight[k];
  }
}
`,
    });
  });
}
