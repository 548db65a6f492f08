import type * as tf from '@tensorflow/tfjs-core';
import { workgroupNumber } from '../program/compute-program.js';
import { defineKernel } from '../program/kernel-call.js';
import { unroll } from '../wgsl/unroll.js';

const threads = 64;

/**
 * `TampAttention`: a workgroup per query and head walks the keys 64 at a time and keeps the largest score, the sum of
 * the exponentials and the weighted sum of the values (Milakov and Gimelshein 2018), so no matrix of scores exists.
 */
export function attentionKernel(): tf.KernelConfig {
  return defineKernel('TampAttention', (call) => {
    const q = call.input('q');
    const k = call.input('k');
    const [batch, queries, width] = q.shape;
    const headSize = call.number('headSize');
    // Each thread sums this many of the head's values.
    const perThread = Math.ceil(headSize / threads);
    return call.run({
      key: `attention ${perThread}`,
      inputs: [
        { name: 'q', tensor: q },
        { name: 'k', tensor: k },
        { name: 'v', tensor: call.input('v') },
      ],
      uniforms: [
        { name: 'batch', type: 'int32', value: batch },
        { name: 'queries', type: 'int32', value: queries },
        { name: 'keys', type: 'int32', value: k.shape[1] },
        { name: 'heads', type: 'int32', value: call.number('heads') },
        { name: 'keyValueHeads', type: 'int32', value: call.number('keyValueHeads') },
        { name: 'headSize', type: 'int32', value: headSize },
        { name: 'scale', type: 'float32', value: call.number('scale') },
      ],
      output: { shape: [batch, queries, width], dtype: 'float32' },
      workgroupSize: threads,
      workgroups: batch * queries * call.number('heads'),
      code: `
${workgroupNumber}
var<workgroup> scores : array<f32, ${threads}>;
var<workgroup> reduced : array<f32, ${threads}>;
fn main(index : i32) {
  let number = min(workgroupNumber(), uniforms.batch * uniforms.queries * uniforms.heads - 1);
  let head = number % uniforms.heads;
  let query = (number / uniforms.heads) % uniforms.queries;
  let sample = number / (uniforms.heads * uniforms.queries);
  let sharing = uniforms.heads / uniforms.keyValueHeads;
  let ownBase = ((sample * uniforms.queries + query) * uniforms.heads + head) * uniforms.headSize;
  let stride = uniforms.keyValueHeads * uniforms.headSize;
  let keyBase = sample * uniforms.keys * stride + (head / sharing) * uniforms.headSize;
  // The queries are the last positions; this one sees the keys before this end.
  let end = uniforms.keys - uniforms.queries + query + 1;
  let lane = i32(localIndex);
  var largest = -3.0e38;
  var total = 0.0;
  ${unroll(perThread, (i) => `var sum_${i} = 0.0;`)}
  for (var start = 0; start < uniforms.keys; start += ${threads}) {
    let key = start + lane;
    var score = -3.0e38;
    if (key < end) {
      score = 0.0;
      for (var d = 0; d < uniforms.headSize; d++) { score += q[ownBase + d] * k[keyBase + key * stride + d]; }
      score *= uniforms.scale;
    }
    reduced[localIndex] = score;
    for (var step = ${threads / 2}u; step > 0u; step = step >> 1u) {
      workgroupBarrier();
      if (localIndex < step) { reduced[localIndex] = max(reduced[localIndex], reduced[localIndex + step]); }
    }
    workgroupBarrier();
    let next = max(largest, reduced[0]);
    let decay = exp(largest - next);
    workgroupBarrier();
    let weight = select(0.0, exp(score - next), key < end);
    scores[localIndex] = weight;
    reduced[localIndex] = weight;
    for (var step = ${threads / 2}u; step > 0u; step = step >> 1u) {
      workgroupBarrier();
      if (localIndex < step) { reduced[localIndex] += reduced[localIndex + step]; }
    }
    workgroupBarrier();
    total = total * decay + reduced[0];
    largest = next;
    let count = clamp(end - start, 0, ${threads});
    ${unroll(
      perThread,
      (i) => `sum_${i} *= decay;
    if (lane + ${i * threads} < uniforms.headSize) {
      for (var j = 0; j < count; j++) {
        sum_${i} += scores[j] * v[keyBase + (start + j) * stride + lane + ${i * threads}];
      }
    }`,
    )}
    workgroupBarrier();
  }
  ${unroll(
    perThread,
    (i) =>
      `if (lane + ${i * threads} < uniforms.headSize) { result[ownBase + lane + ${i * threads}] = sum_${i} / total; }`,
  )}
}
`,
    });
  });
}
