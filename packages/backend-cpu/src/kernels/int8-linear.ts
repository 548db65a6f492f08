import { chooseAffineParams, TampError } from '@tamp/core';
import type * as tf from '@tensorflow/tfjs-core';
import type { TampCpuBackend, Temporaries } from '../backend/tamp-cpu-backend.js';
import { floatBits, Task } from '../wasm/tasks.js';
import { defineKernel, type KernelCall } from './kernel-call.js';
import { rowBlocks } from './row-blocks.js';

/** Sizes of `assembly/int8/pack.ts` and `quantize.ts`. */
const CHANNELS = 16;
const HEADER_BYTES = 64;
const ROW_PARAMS_BYTES = 16;
const K_MULTIPLE = 16;
const RANGE_BLOCK = 16384;
/** Bytes of a tile of `assembly/int8/gemm.ts`. */
const TILE_BYTES = 256;
/** What the four parts of a widened panel lie apart, in all. */
const WIDENED_GAPS = 4 * 320;
/** How the activations lie, as in `assembly/int8/gemm.ts`. */
const Form = { sixteen: 0, seven: 1, wide: 2 } as const;
/** Up to this k, (level − zero point) products of 8 bits each cannot leave int32. */
const MAX_K = 33_000;
/** Quantized activations of one unit: half of a second-level cache. */
const CACHE_BYTES = 512 * 1024;

function paddedK(k: number): number {
  return Math.ceil(k / K_MULTIPLE) * K_MULTIPLE;
}

/** 32-bit words of a packed int8 weight. */
function packedWords(rows: number, k: number): number {
  return (Math.ceil(rows / CHANNELS) * (HEADER_BYTES + CHANNELS * paddedK(k))) / 4;
}

/** Packs an int8 weight [rows, words] for {@link int8LinearKernel}. */
export function packInt8Weight(call: KernelCall): tf.TensorInfo {
  const rows = call.number('rows');
  const k = call.number('columns');
  if (k > MAX_K) {
    throw new TampError(`an int8 layer of ${k} inputs could overflow its 32-bit sums`, {
      code: 'unsupported',
      remedy: `Leave layers with more than ${MAX_K} inputs out of the targets.`,
    });
  }
  const wordsPerRow = call.input('levels').shape[1] ?? 0;
  const levels = call.pointer('levels', 'int32');
  const output = call.output([packedWords(rows, k)], 'int32');
  call.backend.runtime.pool.run(
    Task.packInt8,
    [levels, wordsPerRow, output.pointer, rows, k, paddedK(k)],
    Math.ceil(rows / CHANNELS),
    rows * k,
  );
  return output.info;
}

/** How the input of an int8 product is quantized. */
export type InputQuantization =
  | { readonly kind: 'token' }
  | {
      readonly kind: 'tensor';
      readonly scale: number;
      readonly zeroPoint: number;
      readonly largestLevel: number;
    };

/** An int8 product, all operands by address. */
export interface Int8Product {
  readonly x: number;
  readonly panels: number;
  readonly scales: number;
  /** 0 for a symmetric weight. */
  readonly zeroPoints: number;
  /** 0 for none. */
  readonly bias: number;
  readonly out: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly quantization: InputQuantization;
  /** Leave the int32 sums Σ xq·wq in `out`. */
  readonly raw: boolean;
}

/** Quantizes x and multiplies. Integers are exact in every variant; floats follow the contract's order. */
export function int8Product(backend: TampCpuBackend, temporaries: Temporaries, product: Int8Product): void {
  const { pool, simd } = backend.runtime;
  const { m, n, k, quantization } = product;
  const symmetric = quantization.kind === 'token';
  const form =
    simd === 'relaxed-wide'
      ? Form.wide
      : simd === 'relaxed' && !symmetric && quantization.largestLevel <= 127
        ? Form.seven
        : Form.sixteen;
  const levelBytes = form === Form.sixteen ? 2 : 1;
  // Signed levels are stored shifted where products take unsigned bits, as if their zero point were 128.
  const shift = simd !== 'baseline' && symmetric ? 128 : 0;
  const padded = paddedK(k);
  const levels = temporaries.allocate(m * (padded * levelBytes + ROW_PARAMS_BYTES));
  const params = levels + m * padded * levelBytes;
  pool.run(
    Task.quantizeRows,
    [
      product.x,
      levels,
      params,
      m,
      k,
      padded,
      form === Form.sixteen ? 4 : 2,
      levelBytes,
      symmetric ? 1 : 0,
      floatBits(symmetric ? 1 : quantization.scale),
      symmetric ? shift : quantization.zeroPoint,
      symmetric ? shift - 128 : 0,
      symmetric ? shift + 127 : quantization.largestLevel,
    ],
    m,
    m * k,
  );
  const panels = Math.ceil(n / CHANNELS);
  const blocks = rowBlocks({
    rows: m,
    unitsPerBlock: panels,
    threads: pool.threads,
    bytesPerRow: padded * levelBytes,
    cacheBytes: CACHE_BYTES,
    fewest: 16,
  });
  if (form === Form.sixteen) pool.reserveScratch(TILE_BYTES + padded * CHANNELS * 2 + WIDENED_GAPS);
  pool.run(
    Task.gemmInt8,
    [
      levels,
      params,
      product.panels,
      product.scales,
      product.zeroPoints,
      product.bias,
      product.out,
      m,
      n,
      k,
      padded,
      form,
      blocks.rowsPerUnit,
      blocks.rowBlocks,
      product.raw ? 1 : 0,
      shift,
    ],
    blocks.rowBlocks * panels,
    m * n * k * 0.5,
  );
}

/** Smallest and largest element, 0 included; NaN when an element is. */
function rangeOf(
  backend: TampCpuBackend,
  temporaries: Temporaries,
  x: number,
  length: number,
): [number, number] {
  const { pool, heap } = backend.runtime;
  const units = Math.ceil(length / RANGE_BLOCK);
  const ranges = temporaries.allocate(units * 8);
  pool.run(Task.rangeOfBlocks, [x, length, ranges], units, length);
  const { f32 } = heap;
  let low = 0;
  let high = 0;
  for (let i = ranges / 4; i < ranges / 4 + units * 2; i++) {
    const value = f32[i] ?? 0;
    if (Number.isNaN(value)) return [value, value];
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

function inputQuantization(call: KernelCall, x: number, length: number): InputQuantization {
  const activation = call.text('activation');
  if (activation === 'token') return { kind: 'token' };
  const largestLevel = call.flag('reduceRange') ? 127 : 255;
  if (activation === 'static') {
    return {
      kind: 'tensor',
      scale: call.number('scale'),
      zeroPoint: call.number('zeroPoint'),
      largestLevel,
    };
  }
  const [low, high] = rangeOf(call.backend, call.temporaries, x, length);
  return {
    kind: 'tensor',
    ...chooseAffineParams(low, high, { rule: 'fbgemm', qmin: 0, qmax: largestLevel }),
    largestLevel,
  };
}

/** The contract `TampInt8Linear`. */
export function int8LinearKernel(backendName: string): tf.KernelConfig {
  return defineKernel('TampInt8Linear', backendName, (call) => {
    const n = call.number('rows');
    const k = call.number('columns');
    const m = call.input('x').shape[0] ?? 0;
    checkPacked(call, packedWords(n, k), 'TampInt8Linear');
    const x = call.pointer('x', 'float32');
    const panels = call.pointer('levels', 'int32');
    const scales = call.pointer('scales', 'float32');
    const zeroPoints = call.optionalPointer('zeroPoints', 'int32');
    const bias = call.optionalPointer('bias', 'float32');
    const quantization = inputQuantization(call, x, m * k);
    const { info, pointer } = call.output([m, n], 'float32');
    if (m * n > 0) {
      const product = {
        x,
        panels,
        scales,
        zeroPoints,
        bias,
        out: pointer,
        m,
        n,
        k,
        quantization,
        raw: false,
      };
      int8Product(call.backend, call.temporaries, product);
    }
    return info;
  });
}

/** Refuses a weight that another backend packed: its size is not what this backend's layout needs. */
export function checkPacked(call: KernelCall, words: number, kernelName: string): void {
  const size = call.input('levels').shape.reduce((product, extent) => product * extent, 1);
  if (size === words) return;
  throw new TampError(`${kernelName} was given a weight that this backend did not pack`, {
    code: 'usage',
    remedy: 'Load the model again after choosing the backend: packed weights depend on it.',
  });
}
