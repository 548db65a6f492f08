import type * as tf from '@tensorflow/tfjs-core';
import { defineKernel } from '../program/kernel-call.js';
import { nothingUniform, roundedProduct } from '../wgsl/exact-float.js';

const threads = 64;

/** `TampRotaryEmbedding`. */
export function rotaryEmbeddingKernel(): tf.KernelConfig {
  return defineKernel('TampRotaryEmbedding', (call) => {
    const x = call.input('x');
    const size = x.shape.reduce((a, b) => a * b, 1);
    return call.run({
      key: 'rotary',
      inputs: [
        { name: 'x', tensor: x },
        { name: 'cosines', tensor: call.input('cos') },
        { name: 'sines', tensor: call.input('sin') },
      ],
      uniforms: [
        { name: 'elements', type: 'int32', value: size },
        { name: 'sequence', type: 'int32', value: x.shape[1] },
        { name: 'width', type: 'int32', value: x.shape[2] },
        { name: 'headSize', type: 'int32', value: call.number('headSize') },
        nothingUniform,
      ],
      output: { shape: x.shape, dtype: 'float32' },
      workgroupSize: threads,
      workgroups: Math.ceil(size / threads),
      code: `
${roundedProduct}
fn main(index : i32) {
  if (index >= uniforms.elements) { return; }
  let position = (index / uniforms.width) % uniforms.sequence;
  let at = (index % uniforms.width) % uniforms.headSize;
  let half = uniforms.headSize / 2;
  let angle = position * uniforms.headSize + at;
  var partner = 0.0;
  if (at < half) { partner = -x[index + half]; } else { partner = x[index - half]; }
  result[index] = rounded(x[index] * cosines[angle]) + rounded(partner * sines[angle]);
}
`,
    });
  });
}
