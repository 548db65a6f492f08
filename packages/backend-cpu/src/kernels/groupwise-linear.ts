import type * as tf from '@tensorflow/tfjs-core';
import { Task } from '../wasm/tasks.js';
import { checkPacked } from './int8-linear.js';
import { defineKernel, type KernelCall } from './kernel-call.js';
import { rowBlocks } from './row-blocks.js';

/** Sizes of `assembly/groupwise/planes.ts` and `assembly/gemm/driver-f32.ts`. */
const CHANNELS = 8;
const SUPERBLOCK = 32;
const BLOCK_N = 32;
const PANELS_BYTES = 65536;
const EDGE_BYTES = 128;
const UNPACKED_BYTES = 256;
/** Scale and zero point of eight channels. */
const TABLE_BYTES_PER_GROUP = 64;
/** The same where the zero point is in two halves, as in `assembly/groupwise/gemm-blocks.ts`. */
const BLOCK_TABLE_BYTES_PER_GROUP = 96;
/** Widest level whose sums over a block of 32 fit into 16 bits; wider ones are multiplied in two halves. */
const SINGLE_BITS = 4;
/** Quantized activations of one unit: half of a second-level cache. */
const CACHE_BYTES = 512 * 1024;

/** 32-bit words of a packed weight: `bits` bits per level, k filled up to whole superblocks, rows to whole panels. */
function packedWords(rows: number, k: number, bits: number): number {
  return (Math.ceil(rows / CHANNELS) * Math.ceil(k / SUPERBLOCK) * SUPERBLOCK * bits) / 4;
}

/** Packs a weight of 2 to 8 bits [rows, words] for {@link groupwiseLinearKernel}. */
export function packGroupwiseWeight(call: KernelCall): tf.TensorInfo {
  const rows = call.number('rows');
  const k = call.number('columns');
  const bits = call.number('bits');
  const wordsPerRow = call.input('levels').shape[1] ?? 0;
  const levels = call.pointer('levels', 'int32');
  const output = call.output([packedWords(rows, k, bits)], 'int32');
  call.backend.runtime.pool.run(
    Task.packGroupwise,
    [levels, wordsPerRow, output.pointer, rows, k, bits],
    Math.ceil(rows / CHANNELS),
    rows * k * 4,
  );
  return output.info;
}

/** The operands of one call, by address where they are tensors. */
interface GroupwiseProduct {
  readonly x: number;
  readonly panels: number;
  readonly scales: number;
  readonly zeroPoints: number;
  readonly bias: number;
  readonly out: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly bits: number;
  readonly groupSize: number;
}

/** The contract `TampGroupwiseLinear`. */
export function groupwiseLinearKernel(backendName: string): tf.KernelConfig {
  return defineKernel('TampGroupwiseLinear', backendName, (call) => {
    const n = call.number('rows');
    const k = call.number('columns');
    const bits = call.number('bits');
    const groupSize = call.number('groupSize');
    const m = call.input('x').shape[0] ?? 0;
    checkPacked(call, packedWords(n, k, bits), 'TampGroupwiseLinear');
    const x = call.pointer('x', 'float32');
    const panels = call.pointer('levels', 'int32');
    const scales = call.pointer('scales', 'float32');
    const zeroPoints = call.optionalPointer('zeroPoints', 'int32');
    const bias = call.optionalPointer('bias', 'float32');
    const { info, pointer: out } = call.output([m, n], 'float32');
    if (m * n === 0) return info;
    const product = { x, panels, scales, zeroPoints, bias, out, m, n, k, bits, groupSize };
    if (call.text('activation') === 'float') floatProduct(call, product);
    else if (groupSize % SUPERBLOCK === 0 || groupSize === k) blockProduct(call, product);
    else floatProduct(call, { ...product, x: roundedToBlocks(call, x, m, k) });
    return info;
  });
}

/** Float activations: blocks of the weight are dequantized into scratch and multiplied as floats. */
function floatProduct(call: KernelCall, p: GroupwiseProduct): void {
  const { pool } = call.backend.runtime;
  const columnBlocks = Math.ceil(p.n / BLOCK_N);
  const blocks = rowBlocks({
    rows: p.m,
    unitsPerBlock: columnBlocks,
    threads: pool.threads,
    bytesPerRow: p.k * 4,
    cacheBytes: Number.POSITIVE_INFINITY,
    fewest: 128,
  });
  const tables = (BLOCK_N / CHANNELS) * TABLE_BYTES_PER_GROUP * (p.k / p.groupSize);
  pool.reserveScratch(PANELS_BYTES + EDGE_BYTES + UNPACKED_BYTES + tables);
  pool.run(
    Task.gemmGroupwise,
    [
      p.x,
      p.panels,
      p.scales,
      p.zeroPoints,
      p.bias,
      p.out,
      p.m,
      p.n,
      p.k,
      p.bits,
      p.groupSize,
      blocks.rowsPerUnit,
      blocks.rowBlocks,
    ],
    blocks.rowBlocks * columnBlocks,
    (p.m + 8) * p.n * p.k,
  );
}

/** Activations quantized to int8 in blocks of 32, sums in integers within a block. */
function blockProduct(call: KernelCall, p: GroupwiseProduct): void {
  const { pool, simd } = call.backend.runtime;
  const { temporaries } = call;
  const activationBlocks = Math.ceil(p.k / SUPERBLOCK);
  const padded = activationBlocks * SUPERBLOCK;
  const levelBytes = simd === 'baseline' ? 2 : 1;
  const pairs = simd === 'relaxed';
  const inHalves = pairs && p.bits > SINGLE_BITS;
  // A symmetric weight's zero point, in its upper half where there are two: the lower one is 0 then.
  const middle = 2 ** (p.bits - 1 - (inHalves ? SINGLE_BITS : 0));
  const levels = temporaries.allocate(p.m * (padded * levelBytes + activationBlocks * 8));
  const params = levels + p.m * padded * levelBytes;
  pool.run(
    Task.quantizeBlocks,
    [p.x, levels, params, p.m, p.k, p.zeroPoints === 0 ? -middle : -1, pairs ? 1 : 0],
    p.m,
    p.m * p.k * 2,
  );
  const panels = Math.ceil(p.n / CHANNELS);
  const blocks = rowBlocks({
    rows: p.m,
    unitsPerBlock: panels,
    threads: pool.threads,
    bytesPerRow: padded * levelBytes,
    cacheBytes: CACHE_BYTES,
    fewest: 16,
  });
  const tables = BLOCK_TABLE_BYTES_PER_GROUP * (p.k / p.groupSize);
  pool.reserveScratch(EDGE_BYTES + tables + padded * CHANNELS * (inHalves ? 2 : 1));
  pool.run(
    Task.gemmBlocks,
    [
      levels,
      params,
      p.panels,
      p.scales,
      p.zeroPoints,
      p.bias,
      p.out,
      p.m,
      p.n,
      p.k,
      p.bits,
      p.groupSize,
      blocks.rowsPerUnit,
      blocks.rowBlocks,
      simd === 'relaxed-wide' ? 1 : 0,
    ],
    blocks.rowBlocks * panels,
    p.m * p.n * p.k * 0.5,
  );
}

/** A copy of x with each block of 32 elements rounded to int8. */
function roundedToBlocks(call: KernelCall, x: number, m: number, k: number): number {
  const rounded = call.temporaries.allocate(m * k * 4);
  call.backend.runtime.pool.run(Task.roundBlocks, [x, rounded, k], m, m * k * 2);
  return rounded;
}
