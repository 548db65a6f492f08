import type * as tf from '@tensorflow/tfjs-core';
import { type ComputePass, type ProgramInput, workgroupNumber } from '../program/compute-program.js';
import { defineKernel, type KernelCall } from '../program/kernel-call.js';
import { type IntegerDot, integerDot } from '../wgsl/integer-dot.js';
import { unroll } from '../wgsl/unroll.js';
import { sumAt, type WorkgroupSum, workgroupSum, workgroupSumDeclarations } from '../wgsl/workgroup-sum.js';
import {
  type ActivationQuantization,
  headerWords,
  quantizedRowWords,
  quantizePass,
  rangePass,
} from './quantize-activation.js';

/** The product of quantized activations and a weight of layout `int8`. */
export interface Int8Product {
  /** From `quantizePass`. */
  readonly activation: tf.TensorInfo;
  /** int32 [rows, ceil(columns / 4)], signed bytes, filled up with zeros. */
  readonly levels: tf.TensorInfo;
  readonly m: number;
  readonly rows: number;
  readonly columns: number;
  /** Whether activations have zero points. */
  readonly shifted: boolean;
  /** Empty, or the input `zeroPoints`. */
  readonly zeroPoints: readonly ProgramInput[];
  /** Scales and, possibly, bias; undefined leaves the sums as integers. */
  readonly epilogue: { readonly scales: tf.TensorInfo; readonly bias: readonly ProgramInput[] } | undefined;
  readonly dot: IntegerDot;
  /** Threads of the device's smallest subgroups, when sums may use them. */
  readonly smallestSubgroup: number | undefined;
}

/** Up to this many rows of x, weights are read once per {@link vectorRows} rows instead of being shared in tiles. */
const largestVectorCase = 8;
const vectorRows = 4;
const vectorThreads = 64;
/** Output channels of one workgroup when m is small. */
const vectorChannels = 4;

/** Each thread of a tile's 16 × 16 computes 4 × 4 results. */
const tileSize = 64;
/** Vectors of 16 levels of each line that are shared at a time. */
const tileVectors = 4;

/** Code that turns an exact sum into a result at (row, channel), with sums of levels where zero points need them. */
function finish(product: Int8Product): string {
  const weightZero = product.zeroPoints.length > 0;
  return `
fn finish(row : i32, channel : i32, products : i32, weightSum : i32) {
  let header = row * uniforms.activationWords;
  var sum = products;
  ${product.shifted ? 'let zero = activation[header + 1];\n  sum -= zero * weightSum;' : ''}
  ${weightZero ? 'sum -= zeroPoints[channel] * activation[header + 2];' : ''}
  ${product.shifted && weightZero ? 'sum += uniforms.columns * zero * zeroPoints[channel];' : ''}
  ${
    product.epilogue === undefined
      ? 'result[row * uniforms.rows + channel] = sum;'
      : `let scale = bitcast<f32>(activation[header]) * scales[channel];
  result[row * uniforms.rows + channel] = f32(sum) * scale${product.epilogue.bias.length > 0 ? ' + bias[channel]' : ''};`
  }
}`;
}

function commonPass(product: Int8Product): Pick<ComputePass, 'inputs' | 'uniforms' | 'output'> {
  const { activation, levels, m, rows, columns, zeroPoints, epilogue } = product;
  return {
    inputs: [
      { name: 'activation', tensor: activation },
      { name: 'levels', tensor: levels },
      ...zeroPoints,
      ...(epilogue === undefined ? [] : [{ name: 'scales', tensor: epilogue.scales }, ...epilogue.bias]),
    ],
    uniforms: [
      { name: 'm', type: 'int32', value: m },
      { name: 'rows', type: 'int32', value: rows },
      { name: 'columns', type: 'int32', value: columns },
      { name: 'words', type: 'int32', value: Math.ceil(columns / 4) },
      { name: 'activationWords', type: 'int32', value: quantizedRowWords(columns) },
    ],
    output: { shape: [m, rows], dtype: epilogue === undefined ? 'int32' : 'float32' },
  };
}

/** For few rows: a workgroup computes up to 4 rows of 4 channels, its threads taking turns along the columns. */
function vectorPass(product: Int8Product): ComputePass {
  const { m, rows, dot, shifted, smallestSubgroup } = product;
  const tall = Math.min(m, vectorRows);
  const products = tall * vectorChannels;
  const sum: WorkgroupSum = {
    type: 'i32',
    threads: vectorThreads,
    count: products + (shifted ? vectorChannels : 0),
    smallestSubgroup,
  };
  const acc = (i: number, j: number): string => `acc_${i}_${j}`;
  return {
    ...commonPass(product),
    key: `int8 vector ${tall} ${dot} ${shifted} ${smallestSubgroup}`,
    workgroupSize: vectorThreads,
    workgroups: Math.ceil(m / tall) * Math.ceil(rows / vectorChannels),
    code: `
${workgroupNumber}
${integerDot(dot)}
${finish(product)}
${workgroupSumDeclarations(sum)}
fn main(index : i32) {
  let across = (uniforms.rows + ${vectorChannels - 1}) / ${vectorChannels};
  let firstRow = (workgroupNumber() / across) * ${tall};
  let firstChannel = (workgroupNumber() % across) * ${vectorChannels};
  ${unroll(tall, (i) => `let a_${i} = min(firstRow + ${i}, uniforms.m - 1) * uniforms.activationWords + ${headerWords};`)}
  ${unroll(vectorChannels, (j) => `let b_${j} = min(firstChannel + ${j}, uniforms.rows - 1) * uniforms.words;`)}
  ${unroll(tall, (i) => unroll(vectorChannels, (j) => `var ${acc(i, j)} = 0;`))}
  ${shifted ? unroll(vectorChannels, (j) => `var sum_${j} = 0;`) : ''}
  for (var word = i32(localIndex); word < uniforms.words; word += ${vectorThreads}) {
    ${unroll(tall, (i) => `let x_${i} = u32(activation[a_${i} + word]);`)}
    ${unroll(vectorChannels, (j) => `let w_${j} = u32(levels[b_${j} + word]);`)}
    ${unroll(tall, (i) => unroll(vectorChannels, (j) => `${acc(i, j)} += dotInt8(x_${i}, w_${j});`))}
    ${shifted ? unroll(vectorChannels, (j) => `sum_${j} += dotInt8(w_${j}, 0x01010101u);`) : ''}
  }
  let lane = i32(localIndex);
  ${workgroupSum(
    sum,
    Array.from({ length: sum.count }, (_, i) =>
      i < products ? acc(Math.floor(i / vectorChannels), i % vectorChannels) : `sum_${i - products}`,
    ),
  )}
  let row = firstRow + lane / ${vectorChannels};
  let channel = firstChannel + lane % ${vectorChannels};
  if (lane < ${products} && row < uniforms.m && channel < uniforms.rows) {
    finish(row, channel, ${sumAt(sum, 'lane')}, ${
      shifted ? sumAt(sum, `${products} + lane % ${vectorChannels}`) : '0'
    });
  }
}
`,
  };
}

/** For many rows: tiles of 64 × 64 results, whose operands a workgroup shares, 16 levels at a time. */
function tilePass(product: Int8Product): ComputePass {
  const { m, rows, dot, shifted } = product;
  const shared = tileSize * tileVectors;
  const acc = (i: number, j: number): string => `acc_${i}_${j}`;
  const products = (i: number, j: number): string =>
    unroll(4, (c) => `dotInt8(a_${i}[${c}], b_${j}[${c}])`, ' + ');
  return {
    ...commonPass(product),
    key: `int8 tile ${dot} ${shifted}`,
    workgroupSize: 256,
    workgroups: Math.ceil(m / tileSize) * Math.ceil(rows / tileSize),
    code: `
${workgroupNumber}
${integerDot(dot)}
${finish(product)}
var<workgroup> left : array<vec4<u32>, ${shared}>;
var<workgroup> right : array<vec4<u32>, ${shared}>;
fn main(index : i32) {
  let across = (uniforms.rows + ${tileSize - 1}) / ${tileSize};
  let firstRow = (workgroupNumber() / across) * ${tileSize};
  let firstChannel = (workgroupNumber() % across) * ${tileSize};
  let lane = i32(localIndex);
  // Neighbouring threads compute neighbouring channels, and read neighbouring vectors.
  let tx = lane % 16;
  let ty = lane / 16;
  // Each thread brings one vector of both tiles.
  let line = lane / ${tileVectors};
  let part = lane % ${tileVectors};
  let row = firstRow + line;
  let channel = firstChannel + line;
  let rowBase = row * uniforms.activationWords + ${headerWords};
  let channelBase = channel * uniforms.words;
  ${unroll(4, (i) => unroll(4, (j) => `var ${acc(i, j)} = 0;`))}
  ${shifted ? unroll(4, (j) => `var sum_${j} = 0;`) : ''}
  for (var start = 0; start < uniforms.words; start += ${4 * tileVectors}) {
    var x = vec4<u32>(0u);
    var w = vec4<u32>(0u);
    for (var c = 0; c < 4; c++) {
      let word = start + 4 * part + c;
      if (word < uniforms.words && row < uniforms.m) { x[c] = u32(activation[rowBase + word]); }
      if (word < uniforms.words && channel < uniforms.rows) { w[c] = u32(levels[channelBase + word]); }
    }
    left[part * ${tileSize} + line] = x;
    right[part * ${tileSize} + line] = w;
    workgroupBarrier();
    for (var k = 0; k < ${tileVectors}; k++) {
      ${unroll(4, (i) => `let a_${i} = left[k * ${tileSize} + ty + ${16 * i}];`)}
      ${unroll(4, (j) => `let b_${j} = right[k * ${tileSize} + tx + ${16 * j}];`)}
      ${unroll(4, (i) => unroll(4, (j) => `${acc(i, j)} += ${products(i, j)};`))}
      ${
        shifted
          ? unroll(4, (j) => `sum_${j} += ${unroll(4, (c) => `dotInt8(b_${j}[${c}], 0x01010101u)`, ' + ')};`)
          : ''
      }
    }
    workgroupBarrier();
  }
  ${unroll(4, (i) =>
    unroll(
      4,
      (j) => `if (firstRow + ty + ${16 * i} < uniforms.m && firstChannel + tx + ${16 * j} < uniforms.rows) {
    finish(firstRow + ty + ${16 * i}, firstChannel + tx + ${16 * j}, ${acc(i, j)}, ${shifted ? `sum_${j}` : '0'});
  }`,
    ),
  )}
}
`,
  };
}

/** The pass that computes the product, chosen by the number of rows. */
export function int8ProductPass(product: Int8Product): ComputePass {
  return product.m <= largestVectorCase ? vectorPass(product) : tilePass(product);
}

/** Quantizes a call's input x [m, columns]; the result is an intermediate of the call. */
export function quantizeInput(call: KernelCall, quantization: ActivationQuantization): tf.TensorInfo {
  const x = call.input('x');
  const [m, columns] = x.shape;
  const range = quantization.kind === 'tensor' ? call.intermediate(rangePass(x, m * columns)) : undefined;
  return call.intermediate(quantizePass(x, m, columns, quantization, range));
}

function quantizationOf(call: KernelCall): ActivationQuantization {
  const kind = call.text('activation');
  if (kind === 'token') return { kind };
  const largestLevel = call.flag('reduceRange') ? 127 : 255;
  if (kind === 'tensor') return { kind, largestLevel };
  return {
    kind: 'static',
    largestLevel,
    scale: call.number('scale'),
    zeroPoint: call.number('zeroPoint'),
  };
}

/** `TampInt8Linear`. */
export function int8LinearKernel(dot: IntegerDot, smallestSubgroup: number | undefined): tf.KernelConfig {
  return defineKernel('TampInt8Linear', (call) => {
    const quantization = quantizationOf(call);
    return call.run(
      int8ProductPass({
        activation: quantizeInput(call, quantization),
        levels: call.input('levels'),
        m: call.input('x').shape[0],
        rows: call.number('rows'),
        columns: call.number('columns'),
        shifted: quantization.kind !== 'token',
        zeroPoints: call.optional('zeroPoints'),
        epilogue: { scales: call.input('scales'), bias: call.optional('bias') },
        dot,
        smallestSubgroup,
      }),
    );
  });
}
