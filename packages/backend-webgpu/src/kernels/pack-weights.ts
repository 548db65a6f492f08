import type * as tf from '@tensorflow/tfjs-core';
import { defineKernel } from '../program/kernel-call.js';

/**
 * `TampPackWeights`. Group-wise weights stay as they are, the same buffer. Int8 weights become signed bytes: the plain
 * form stores a level plus 128.
 */
export function packWeightsKernel(): tf.KernelConfig {
  return defineKernel('TampPackWeights', (call) => {
    const levels = call.input('levels');
    if (call.text('layout') === 'groupwise') {
      call.backend.incRef(levels.dataId);
      return { ...levels };
    }
    const [rows, words] = levels.shape;
    return call.run({
      key: 'pack int8',
      inputs: [{ name: 'levels', tensor: levels }],
      uniforms: [
        { name: 'elements', type: 'int32', value: rows * words },
        { name: 'words', type: 'int32', value: words },
        { name: 'columns', type: 'int32', value: call.number('columns') },
      ],
      output: { shape: [rows, words], dtype: 'int32' },
      workgroupSize: 64,
      workgroups: Math.ceil((rows * words) / 64),
      code: `
fn main(index : i32) {
  if (index >= uniforms.elements) { return; }
  // Bytes beyond the row's end become zeros.
  let used = clamp(uniforms.columns - 4 * (index % uniforms.words), 0, 4);
  let mask = select((1u << (8u * (u32(used) & 3u))) - 1u, 0xffffffffu, used == 4);
  result[index] = i32((u32(levels[index]) ^ 0x80808080u) & mask);
}
`,
    });
  });
}
