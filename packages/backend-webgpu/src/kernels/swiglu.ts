import { TampError } from '@tamp/core';
import type * as tf from '@tensorflow/tfjs-core';
import { defineKernel } from '../program/kernel-call.js';
import { exactDivision } from '../wgsl/exact-division.js';
import { exactExp, nothingUniform, roundedProduct } from '../wgsl/exact-float.js';

const threads = 64;

/** `TampSwiGlu`. */
export function swiGluKernel(): tf.KernelConfig {
  return defineKernel('TampSwiGlu', (call) => {
    const gate = call.input('gate');
    const up = call.input('up');
    if (gate.shape.join() !== up.shape.join()) {
      throw new TampError(`swiglu: gate is [${gate.shape.join(', ')}], up [${up.shape.join(', ')}]`, {
        code: 'unsupported',
        remedy: 'Give both the same shape.',
      });
    }
    const size = gate.shape.reduce((a, b) => a * b, 1);
    return call.run({
      key: 'swiglu',
      inputs: [
        { name: 'gate', tensor: gate },
        { name: 'up', tensor: up },
      ],
      uniforms: [{ name: 'elements', type: 'int32', value: size }, nothingUniform],
      output: { shape: gate.shape, dtype: 'float32' },
      workgroupSize: threads,
      workgroups: Math.ceil(size / threads),
      code: `
${exactDivision}
${roundedProduct}
${exactExp}
fn main(index : i32) {
  if (index >= uniforms.elements) { return; }
  let sigmoid = divideExactly(1.0, 1.0 + expExactly(-gate[index]));
  result[index] = gate[index] * sigmoid * up[index];
}
`,
    });
  });
}
