import type * as tf from '@tensorflow/tfjs-core';
import { Task } from '../wasm/tasks.js';
import { checkPacked } from './int8-linear.js';
import { defineKernel, type KernelCall } from './kernel-call.js';
import { rowBlocks } from './row-blocks.js';

/** Sizes of `assembly/groupwise/panel-pairs.ts`, `planes.ts` and `assembly/gemm/driver-f32.ts`. */
const PAIR_CHANNELS = 16;
const CHANNELS = 8;
const SUPERBLOCK = 32;
const BLOCK_N = 32;
const EDGE_BYTES = 128;
/** Widest level whose sums over a block of 32 fit into 16 bits; wider ones are multiplied in two halves. */
const SINGLE_BITS = 4;
/** Quantized activations of one unit: half of a second-level cache. */
const CACHE_BYTES = 512 * 1024;

/**
 * 32-bit words of a packed weight: `bits` bits per level, k filled up to whole superblocks, rows to whole pairs of
 * panels. */
function packedWords(rows: number, k: number, bits: number): number {
  return (Math.ceil(rows / PAIR_CHANNELS) * Math.ceil(k / SUPERBLOCK) * SUPERBLOCK * bits) / 2;
}

/**
 * Packs a weight of 2 to 8 bits [rows, words] for {@link groupwiseLinearKernel}: levels, scales, and zero points if
 * there are any, all by pairs of panels, so that a product reads each from end to end.
 */
export function packGroupwiseWeight(call: KernelCall): tf.TensorInfo[] {
  const rows = call.number('rows');
  const k = call.number('columns');
  const bits = call.number('bits');
  const wordsPerRow = call.input('levels').shape[1] ?? 0;
  const groups = k / call.number('groupSize');
  const levels = call.pointer('levels', 'int32');
  const scales = call.pointer('scales', 'float32');
  const zeroPoints = call.optionalPointer('zeroPoints', 'int32');
  const pairs = Math.ceil(rows / PAIR_CHANNELS);
  const tableShape = [pairs, groups, PAIR_CHANNELS];
  const packed = call.output([packedWords(rows, k, bits)], 'int32');
  const scaleTables = call.output(tableShape, 'float32');
  const zeroTables = zeroPoints === 0 ? [] : [call.output(tableShape, 'int32')];
  call.backend.runtime.pool.run(
    Task.packGroupwise,
    [
      levels,
      wordsPerRow,
      packed.pointer,
      scales,
      scaleTables.pointer,
      zeroPoints,
      zeroTables[0]?.pointer ?? 0,
      rows,
      k,
      bits,
      groups,
    ],
    pairs,
    rows * k * 4,
  );
  return [packed, scaleTables, ...zeroTables].map(({ info }) => info);
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
  const panelPairs = Math.ceil(p.n / PAIR_CHANNELS);
  const blocks = rowBlocks({
    rows: p.m,
    unitsPerBlock: panelPairs,
    threads: pool.threads,
    bytesPerRow: padded * levelBytes,
    cacheBytes: CACHE_BYTES,
    fewest: 16,
  });
  pool.reserveScratch(EDGE_BYTES + padded * CHANNELS * (inHalves ? 2 : 1));
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
    blocks.rowBlocks * panelPairs,
    p.m * p.n * p.k * 0.5,
  );
}

/** A copy of x with each block of 32 elements rounded to int8. */
function roundedToBlocks(call: KernelCall, x: number, m: number, k: number): number {
  const rounded = call.temporaries.allocate(m * k * 4);
  call.backend.runtime.pool.run(Task.roundBlocks, [x, rounded, k], m, m * k * 2);
  return rounded;
}
