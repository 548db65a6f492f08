import type * as tf from '@tensorflow/tfjs-core';
import { type ComputePass, workgroupNumber } from '../program/compute-program.js';
import { defineKernel, type KernelCall } from '../program/kernel-call.js';
import { exactDivision } from '../wgsl/exact-division.js';
import { exactExp, nothingUniform, roundedProduct } from '../wgsl/exact-float.js';
import { unroll } from '../wgsl/unroll.js';

const threads = 64;
/** Scores that a workgroup can hold beside its reductions, in the 16 KiB that every device has. */
const sharedScores = 3840;
/** Most queries of one workgroup: they share what it reads of keys and values. */
const mostQueries = 4;

/** Threads of a value's dimensions: each sums this many. */
function sumsPerThread(headSize: number): number {
  return Math.ceil(headSize / threads);
}

function commonPass(call: KernelCall): Pick<ComputePass, 'inputs' | 'uniforms' | 'output' | 'workgroupSize'> {
  const q = call.input('q');
  const k = call.input('k');
  return {
    inputs: [
      { name: 'q', tensor: q },
      { name: 'k', tensor: k },
      { name: 'v', tensor: call.input('v') },
    ],
    uniforms: [
      { name: 'batch', type: 'int32', value: q.shape[0] },
      { name: 'queries', type: 'int32', value: q.shape[1] },
      { name: 'keys', type: 'int32', value: k.shape[1] },
      { name: 'heads', type: 'int32', value: call.number('heads') },
      { name: 'keyValueHeads', type: 'int32', value: call.number('keyValueHeads') },
      { name: 'headSize', type: 'int32', value: call.number('headSize') },
      { name: 'scale', type: 'float32', value: call.number('scale') },
      nothingUniform,
    ],
    output: { shape: q.shape, dtype: 'float32' },
    workgroupSize: threads,
  };
}

/** Where a workgroup's head and queries lie; `tall` queries each. */
const placement = (tall: number): string => `
  let blocks = (uniforms.queries + ${tall - 1}) / ${tall};
  let number = min(workgroupNumber(), uniforms.batch * uniforms.heads * blocks - 1);
  let query = (number % blocks) * ${tall};
  let head = (number / blocks) % uniforms.heads;
  let sample = number / (blocks * uniforms.heads);
  let line = uniforms.heads * uniforms.headSize;
  let ownBase = (sample * uniforms.queries + query) * line + head * uniforms.headSize;
  let keyLine = uniforms.keyValueHeads * uniforms.headSize;
  let keyBase = sample * uniforms.keys * keyLine + (head / (uniforms.heads / uniforms.keyValueHeads)) * uniforms.headSize;
  // The queries are the last positions; the first of these sees the keys before this end.
  let end = uniforms.keys - uniforms.queries + query + 1;
  let lane = i32(localIndex);`;

/**
 * The scores of a few queries at a time stay in the workgroup. Every sum has the order of the CPU kernel, so both give
 * the same bits.
 */
function heldScoresPass(call: KernelCall, tall: number): ComputePass {
  const [batch, queries] = call.input('q').shape;
  const perThread = sumsPerThread(call.number('headSize'));
  return {
    ...commonPass(call),
    key: `attention held ${tall} ${perThread}`,
    workgroups: batch * call.number('heads') * Math.ceil(queries / tall),
    code: `
${workgroupNumber}
${exactDivision}
${roundedProduct}
${exactExp}
var<workgroup> scores : array<f32, ${sharedScores}>;
var<workgroup> largest : array<f32, ${mostQueries * threads}>;
var<workgroup> sums : array<f32, ${mostQueries * 4}>;
fn main(index : i32) {
  ${placement(tall)}
  // Rows beyond the last query compute the last one again and are not written.
  ${unroll(tall, (i) => `let q_${i} = min(query + ${i}, uniforms.queries - 1) - query;\n  let end_${i} = end + q_${i};\n  var most_${i} = -3.4e38;`)}
  for (var key = lane; key < end_${tall - 1}; key += ${threads}) {
    ${unroll(tall, (i) => `var score_${i} = 0.0;`)}
    for (var d = 0; d < uniforms.headSize; d++) {
      let value = k[keyBase + key * keyLine + d];
      ${unroll(tall, (i) => `score_${i} += rounded(q[ownBase + q_${i} * line + d] * value);`)}
    }
    ${unroll(
      tall,
      (i) => `score_${i} = rounded(score_${i} * uniforms.scale);
    scores[${i} * uniforms.keys + key] = score_${i};
    if (key < end_${i}) { most_${i} = max(most_${i}, score_${i}); }`,
    )}
  }
  ${unroll(tall, (i) => `largest[${i * threads} + lane] = most_${i};`)}
  workgroupBarrier();
  ${unroll(tall, (i) => `for (var j = 0; j < ${threads}; j++) { most_${i} = max(most_${i}, largest[${i * threads} + j]); }`)}
  ${unroll(
    tall,
    (i) => `for (var key = lane; key < end_${tall - 1}; key += ${threads}) {
    let at = ${i} * uniforms.keys + key;
    scores[at] = select(0.0, expExactly(scores[at] - most_${i}), key < end_${i});
  }`,
  )}
  workgroupBarrier();
  // Four sums per query, of every fourth key; what is left over of four follows one by one.
  if (lane < ${4 * tall}) {
    let row = lane / 4;
    let whole = (end + min(query + row, uniforms.queries - 1) - query) & ~3;
    var sum = 0.0;
    for (var key = lane % 4; key < whole; key += 4) { sum += scores[row * uniforms.keys + key]; }
    sums[lane] = sum;
  }
  workgroupBarrier();
  ${unroll(
    tall,
    (
      i,
    ) => `var total_${i} = (sums[${4 * i}] + sums[${4 * i + 2}]) + (sums[${4 * i + 1}] + sums[${4 * i + 3}]);
  for (var key = end_${i} & ~3; key < end_${i}; key++) { total_${i} += scores[${i} * uniforms.keys + key]; }
  let factor_${i} = divideExactly(1.0, total_${i});`,
  )}
  for (var d = lane; d < uniforms.headSize; d += ${threads}) {
    ${unroll(tall, (i) => `var sum_${i} = 0.0;`)}
    for (var key = 0; key < end_${tall - 1}; key++) {
      let value = v[keyBase + key * keyLine + d];
      ${unroll(tall, (i) => `sum_${i} += rounded(rounded(scores[${i} * uniforms.keys + key] * factor_${i}) * value);`)}
    }
    ${unroll(tall, (i) => `if (query + ${i} < uniforms.queries) { result[ownBase + ${i} * line + d] = sum_${i}; }`)}
  }
}
`,
  };
}

/**
 * For long contexts: a workgroup per query walks the keys 64 at a time and keeps the largest score, the sum of the
 * exponentials and the weighted sum of the values (Milakov and Gimelshein 2018), so no row of scores exists.
 */
function streamedScoresPass(call: KernelCall): ComputePass {
  const [batch, queries] = call.input('q').shape;
  const perThread = sumsPerThread(call.number('headSize'));
  return {
    ...commonPass(call),
    key: `attention streamed ${perThread}`,
    workgroups: batch * queries * call.number('heads'),
    code: `
${workgroupNumber}
${roundedProduct}
${exactExp}
var<workgroup> scores : array<f32, ${threads}>;
var<workgroup> reduced : array<f32, ${threads}>;
fn main(index : i32) {
  ${placement(1)}
  var largest = -3.4e38;
  var total = 0.0;
  ${unroll(perThread, (i) => `var sum_${i} = 0.0;`)}
  for (var start = 0; start < uniforms.keys; start += ${threads}) {
    let key = start + lane;
    var score = -3.4e38;
    if (key < end) {
      score = 0.0;
      for (var d = 0; d < uniforms.headSize; d++) { score += q[ownBase + d] * k[keyBase + key * keyLine + d]; }
      score *= uniforms.scale;
    }
    reduced[lane] = score;
    for (var step = ${threads / 2}; step > 0; step = step >> 1u) {
      workgroupBarrier();
      if (lane < step) { reduced[lane] = max(reduced[lane], reduced[lane + step]); }
    }
    workgroupBarrier();
    let next = max(largest, reduced[0]);
    let decay = expExactly(largest - next);
    workgroupBarrier();
    let weight = select(0.0, expExactly(score - next), key < end);
    scores[lane] = weight;
    reduced[lane] = weight;
    for (var step = ${threads / 2}; step > 0; step = step >> 1u) {
      workgroupBarrier();
      if (lane < step) { reduced[lane] += reduced[lane + step]; }
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
        sum_${i} += scores[j] * v[keyBase + (start + j) * keyLine + lane + ${i * threads}];
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
  };
}

/** `TampAttention`. */
export function attentionKernel(): tf.KernelConfig {
  return defineKernel('TampAttention', (call) => {
    const queries = call.input('q').shape[1];
    const keys = call.input('k').shape[1];
    const tall = Math.min(mostQueries, queries, Math.floor(sharedScores / Math.max(1, keys)));
    return call.run(tall > 0 ? heldScoresPass(call, tall) : streamedScoresPass(call));
  });
}
