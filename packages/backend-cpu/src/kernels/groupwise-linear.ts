import type * as tf from '@tensorflow/tfjs-core';
import { Task } from '../wasm/tasks.js';
import { checkPacked } from './int8-linear.js';
import { defineKernel, type KernelCall } from './kernel-call.js';
import { rowBlocks } from './row-blocks.js';

/** Sizes of `assembly/groupwise/planes.ts` and `assembly/gemm/driver-f32.ts`. */
const CHANNELS = 8;
const SUPERBLOCK = 32;
const BLOCK_N = 32;

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

/** The contract `TampGroupwiseLinear`. */
export function groupwiseLinearKernel(backendName: string): tf.KernelConfig {
  return defineKernel('TampGroupwiseLinear', backendName, (call) => {
    const { pool } = call.backend.runtime;
    const n = call.number('rows');
    const k = call.number('columns');
    const bits = call.number('bits');
    const m = call.input('x').shape[0] ?? 0;
    checkPacked(call, packedWords(n, k, bits), 'TampGroupwiseLinear');
    const given = call.pointer('x', 'float32');
    const panels = call.pointer('levels', 'int32');
    const scales = call.pointer('scales', 'float32');
    const zeroPoints = call.optionalPointer('zeroPoints', 'int32');
    const bias = call.optionalPointer('bias', 'float32');
    const { info, pointer } = call.output([m, n], 'float32');
    if (m * n === 0) return info;
    const x = call.text('activation') === 'int8-block' ? roundedToBlocks(call, given, m, k) : given;
    const columnBlocks = Math.ceil(n / BLOCK_N);
    const blocks = rowBlocks({
      rows: m,
      unitsPerBlock: columnBlocks,
      threads: pool.threads,
      bytesPerRow: k * 4,
      cacheBytes: Number.POSITIVE_INFINITY,
      fewest: 128,
    });
    pool.run(
      Task.gemmGroupwise,
      [
        x,
        panels,
        scales,
        zeroPoints,
        bias,
        pointer,
        m,
        n,
        k,
        bits,
        call.number('groupSize'),
        blocks.rowsPerUnit,
        blocks.rowBlocks,
      ],
      blocks.rowBlocks * columnBlocks,
      (m + 8) * n * k,
    );
    return info;
  });
}

/** A copy of x with each block of 32 elements rounded to int8. */
function roundedToBlocks(call: KernelCall, x: number, m: number, k: number): number {
  const rounded = call.temporaries.allocate(m * k * 4);
  call.backend.runtime.pool.run(Task.roundBlocks, [x, rounded, k], m, m * k * 2);
  return rounded;
}
