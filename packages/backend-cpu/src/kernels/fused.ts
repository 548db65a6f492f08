import type * as tf from '@tensorflow/tfjs-core';
import { floatBits, Task } from '../wasm/tasks.js';
import { defineKernel, type KernelCall } from './kernel-call.js';
import { rowBlocks } from './row-blocks.js';

/** Elements of one unit over a flat array, as in `assembly/nn/flat.ts`. */
export const FLAT_BLOCK = 4096;

function sizeOf(info: tf.TensorInfo): number {
  return info.shape.reduce((product, extent) => product * extent, 1);
}

/** The contract `TampRmsNorm`. */
export function rmsNormKernel(backendName: string): tf.KernelConfig {
  return defineKernel('TampRmsNorm', backendName, (call) => {
    const { shape } = call.input('x');
    const width = shape.at(-1) ?? 1;
    const length = sizeOf(call.input('x'));
    const x = call.pointer('x', 'float32');
    const weight = call.pointer('weight', 'float32');
    const { info, pointer } = call.output(shape, 'float32');
    const words = [x, weight, pointer, width, floatBits(call.number('epsilon'))];
    if (length > 0) call.backend.runtime.pool.run(Task.rmsNorm, words, length / width, length);
    return info;
  });
}

/** The contract `TampSwiGlu`. */
export function swiGluKernel(backendName: string): tf.KernelConfig {
  return defineKernel('TampSwiGlu', backendName, (call) => {
    const { shape } = call.input('gate');
    const length = sizeOf(call.input('gate'));
    const gate = call.pointer('gate', 'float32');
    const up = call.pointer('up', 'float32');
    const { info, pointer } = call.output(shape, 'float32');
    const units = Math.ceil(length / FLAT_BLOCK);
    call.backend.runtime.pool.run(Task.swiGlu, [gate, up, pointer, length], units, length * 8);
    return info;
  });
}

/** The contract `TampRotaryEmbedding`. */
export function rotaryKernel(backendName: string): tf.KernelConfig {
  return defineKernel('TampRotaryEmbedding', backendName, (call) => {
    const { shape } = call.input('x');
    const [batch = 0, sequence = 0, width = 0] = shape;
    const headSize = call.number('headSize');
    const x = call.pointer('x', 'float32');
    const cos = call.pointer('cos', 'float32');
    const sin = call.pointer('sin', 'float32');
    const { info, pointer } = call.output(shape, 'float32');
    call.backend.runtime.pool.run(
      Task.rotary,
      [x, cos, sin, pointer, sequence, width / headSize, headSize],
      batch * sequence,
      batch * sequence * width,
    );
    return info;
  });
}

/** Bytes of a tile's scratch and columns of a panel, as in `assembly/gemm/`. */
const EDGE_BYTES = 128;
const PANEL = 8;

/** Scratch of one thread: a tile, packed keys, packed values, scores. */
function attentionScratch(keys: number, headSize: number, queriesPerUnit: number): number {
  const packedKeys = Math.ceil(keys / PANEL) * headSize * PANEL * 4;
  const packedValues = Math.ceil(headSize / PANEL) * keys * PANEL * 4;
  return EDGE_BYTES + packedKeys + packedValues + queriesPerUnit * keys * 4;
}

/** The contract `TampAttention`. */
export function attentionKernel(backendName: string): tf.KernelConfig {
  return defineKernel('TampAttention', backendName, (call: KernelCall) => {
    const { pool } = call.backend.runtime;
    const { shape } = call.input('q');
    const [batch = 0, queries = 0] = shape;
    const keys = call.input('k').shape[1] ?? 0;
    const heads = call.number('heads');
    const headSize = call.number('headSize');
    const q = call.pointer('q', 'float32');
    const k = call.pointer('k', 'float32');
    const v = call.pointer('v', 'float32');
    const { info, pointer } = call.output(shape, 'float32');
    const blocks = rowBlocks({
      rows: queries,
      unitsPerBlock: batch * heads,
      threads: pool.threads,
      bytesPerRow: keys * 4,
      cacheBytes: 256 * 1024,
      fewest: 64,
    });
    pool.reserveScratch(attentionScratch(keys, headSize, blocks.rowsPerUnit));
    pool.run(
      Task.attention,
      [
        q,
        k,
        v,
        pointer,
        queries,
        keys,
        heads,
        call.number('keyValueHeads'),
        headSize,
        floatBits(call.number('scale')),
        blocks.rowsPerUnit,
        blocks.rowBlocks,
      ],
      batch * heads * blocks.rowBlocks,
      batch * heads * queries * keys * (2 * headSize + 8),
    );
    return info;
  });
}
