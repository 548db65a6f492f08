import type * as tf from '@tensorflow/tfjs-core';
import { type ComputePass, workgroupNumber } from '../program/compute-program.js';
import { defineKernel } from '../program/kernel-call.js';
import type { IntegerDot } from '../wgsl/integer-dot.js';
import { octetAt, packedFormKey } from '../wgsl/unpack-levels.js';
import { unroll } from '../wgsl/unroll.js';
import { sumAt, type WorkgroupSum, workgroupSum, workgroupSumDeclarations } from '../wgsl/workgroup-sum.js';
import type { GroupwiseProduct } from './groupwise-product.js';
import { int8BlockProductPass, quantizeInt8BlocksPass } from './int8-block-product.js';
import { packedWeight } from './packed-weight.js';
import { roundToInt8BlocksPass } from './round-to-int8-blocks.js';

/** Up to this many rows of x, weights are unpacked once per {@link vectorRows} rows instead of being shared in tiles. */
const largestVectorCase = 8;
const vectorRows = 4;
const vectorThreads = 64;
/** Output channels of one workgroup when m is small. */
const vectorChannels = 4;

/** Each thread of a tile's 16 × 16 computes 4 × 4 results. */
const tileSize = 64;
/** Columns that are shared at a time: two tiles of them fill the 16 KiB that every device has. */
const tileColumns = 32;

/** `xAt(row, k)`: four values of x from column k, a multiple of 4; zeros beyond the row's end. */
function loadX(vectors: boolean): string {
  if (vectors) {
    return `
fn xAt(row : i32, k : i32) -> vec4<f32> {
  if (k >= uniforms.columns) { return vec4<f32>(0.0); }
  return x[(row * uniforms.columns + k) >> 2u];
}`;
  }
  return `
fn xAt(row : i32, k : i32) -> vec4<f32> {
  var values = vec4<f32>(0.0);
  let at = row * uniforms.columns + k;
  if (k < uniforms.columns) { values.x = x[at]; }
  if (k + 1 < uniforms.columns) { values.y = x[at + 1]; }
  if (k + 2 < uniforms.columns) { values.z = x[at + 2]; }
  if (k + 3 < uniforms.columns) { values.w = x[at + 3]; }
  return values;
}`;
}

function commonPass({
  x,
  m,
  weight,
  bias,
}: GroupwiseProduct): Pick<ComputePass, 'inputs' | 'uniforms' | 'output'> {
  return {
    inputs: [
      { name: 'x', tensor: x, components: weight.columns % 4 === 0 ? 4 : 1 },
      ...weight.inputs,
      ...bias,
    ],
    uniforms: [{ name: 'm', type: 'int32', value: m }, ...weight.uniforms],
    output: { shape: [m, weight.rows], dtype: 'float32' },
  };
}

/** For few rows: a workgroup computes up to 4 rows of 4 channels, its threads taking turns along the columns. */
function vectorPass(product: GroupwiseProduct): ComputePass {
  const { m, weight, bias, smallestSubgroup } = product;
  const tall = Math.min(m, vectorRows);
  const sum: WorkgroupSum = {
    type: 'f32',
    threads: vectorThreads,
    count: tall * vectorChannels,
    smallestSubgroup,
  };
  const acc = (i: number, j: number): string => `acc_${i}_${j}`;
  return {
    ...commonPass(product),
    key: `groupwise vector ${tall} ${packedFormKey(weight.form)} ${smallestSubgroup}`,
    workgroupSize: vectorThreads,
    workgroups: Math.ceil(m / tall) * Math.ceil(weight.rows / vectorChannels),
    code: `
${workgroupNumber}
${loadX(weight.columns % 4 === 0)}
${octetAt(weight.form)}
${workgroupSumDeclarations(sum)}
fn main(index : i32) {
  let across = (uniforms.rows + ${vectorChannels - 1}) / ${vectorChannels};
  let firstRow = (workgroupNumber() / across) * ${tall};
  let firstChannel = (workgroupNumber() % across) * ${vectorChannels};
  let lane = i32(localIndex);
  ${unroll(tall, (i) => `let row_${i} = min(firstRow + ${i}, uniforms.m - 1);`)}
  ${unroll(vectorChannels, (j) => `let channel_${j} = min(firstChannel + ${j}, uniforms.rows - 1);`)}
  ${unroll(tall, (i) => unroll(vectorChannels, (j) => `var ${acc(i, j)} = 0.0;`))}
  for (var octet = lane; 8 * octet < uniforms.columns; octet += ${vectorThreads}) {
    ${unroll(tall, (i) => `let x_${i} = xAt(row_${i}, 8 * octet);\n    let y_${i} = xAt(row_${i}, 8 * octet + 4);`)}
    ${unroll(
      vectorChannels,
      (j) => `let w_${j} = octetAt(channel_${j}, octet);
    ${unroll(tall, (i) => `${acc(i, j)} += dot(x_${i}, w_${j}.a) + dot(y_${i}, w_${j}.b);`)}`,
    )}
  }
  ${workgroupSum(
    sum,
    Array.from({ length: sum.count }, (_, i) => acc(Math.floor(i / vectorChannels), i % vectorChannels)),
  )}
  let row = firstRow + lane / ${vectorChannels};
  let channel = firstChannel + lane % ${vectorChannels};
  if (lane < ${sum.count} && row < uniforms.m && channel < uniforms.rows) {
    result[row * uniforms.rows + channel] = ${sumAt(sum, 'lane')}${bias.length > 0 ? ' + bias[channel]' : ''};
  }
}
`,
  };
}

/** For many rows: tiles of 64 × 64 results; a workgroup shares the values of x and the dequantized weights. */
function tilePass(product: GroupwiseProduct): ComputePass {
  const { m, weight, bias } = product;
  const shared = (tileSize * tileColumns) / 4;
  const acc = (i: number, j: number): string => `acc_${i}_${j}`;
  return {
    ...commonPass(product),
    key: `groupwise tile ${packedFormKey(weight.form)}`,
    workgroupSize: 256,
    workgroups: Math.ceil(m / tileSize) * Math.ceil(weight.rows / tileSize),
    code: `
${workgroupNumber}
${loadX(weight.columns % 4 === 0)}
${octetAt(weight.form)}
var<workgroup> left : array<vec4<f32>, ${shared}>;
var<workgroup> right : array<vec4<f32>, ${shared}>;
fn main(index : i32) {
  let across = (uniforms.rows + ${tileSize - 1}) / ${tileSize};
  let firstRow = (workgroupNumber() / across) * ${tileSize};
  let firstChannel = (workgroupNumber() % across) * ${tileSize};
  let lane = i32(localIndex);
  // Neighbouring threads compute neighbouring channels, and read neighbouring vectors.
  let tx = lane % 16;
  let ty = lane / 16;
  // Each thread brings eight columns of one line of both tiles.
  let line = lane / 4;
  let part = lane % 4;
  let row = min(firstRow + line, uniforms.m - 1);
  let channel = min(firstChannel + line, uniforms.rows - 1);
  ${unroll(4, (i) => unroll(4, (j) => `var ${acc(i, j)} = 0.0;`))}
  for (var start = 0; start < uniforms.columns; start += ${tileColumns}) {
    let k = start + 8 * part;
    let w = octetAt(channel, k >> 3u);
    left[2 * part * ${tileSize} + line] = xAt(row, k);
    left[(2 * part + 1) * ${tileSize} + line] = xAt(row, k + 4);
    right[2 * part * ${tileSize} + line] = w.a;
    right[(2 * part + 1) * ${tileSize} + line] = w.b;
    workgroupBarrier();
    for (var v = 0; v < ${tileColumns / 4}; v++) {
      ${unroll(4, (i) => `let a_${i} = left[v * ${tileSize} + ty + ${16 * i}];`)}
      ${unroll(4, (j) => `let b_${j} = right[v * ${tileSize} + tx + ${16 * j}];`)}
      ${unroll(4, (i) => unroll(4, (j) => `${acc(i, j)} += dot(a_${i}, b_${j});`))}
    }
    workgroupBarrier();
  }
  ${unroll(4, (i) =>
    unroll(
      4,
      (j) => `if (firstRow + ty + ${16 * i} < uniforms.m && firstChannel + tx + ${16 * j} < uniforms.rows) {
    result[(firstRow + ty + ${16 * i}) * uniforms.rows + firstChannel + tx + ${16 * j}] =
      ${acc(i, j)}${bias.length > 0 ? ` + bias[firstChannel + tx + ${16 * j}]` : ''};
  }`,
    ),
  )}
}
`,
  };
}

/** The pass that computes the product, chosen by the number of rows. */
export function groupwiseProductPass(product: GroupwiseProduct): ComputePass {
  return product.m <= largestVectorCase ? vectorPass(product) : tilePass(product);
}

/** `TampGroupwiseLinear`. */
export function groupwiseLinearKernel(
  dot: IntegerDot,
  smallestSubgroup: number | undefined,
): tf.KernelConfig {
  return defineKernel('TampGroupwiseLinear', (call) => {
    const x = call.input('x');
    const [m, columns] = x.shape;
    const weight = packedWeight(call);
    const product: GroupwiseProduct = { x, m, weight, bias: call.optional('bias'), smallestSubgroup };
    if (call.text('activation') !== 'int8-block') return call.run(groupwiseProductPass(product));
    if (m <= largestVectorCase && weight.form.alignedGroups) {
      const levels = call.intermediate(quantizeInt8BlocksPass(x, m, columns, weight.form.bits));
      return call.run(int8BlockProductPass({ ...product, x: levels, dot }));
    }
    const rounded = call.intermediate(roundToInt8BlocksPass(x, m, columns));
    return call.run(groupwiseProductPass({ ...product, x: rounded }));
  });
}
