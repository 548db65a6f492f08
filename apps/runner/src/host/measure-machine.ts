import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  bytesOf,
  createGraphBuilder,
  denseStorage,
  type Model,
  type Parameter,
  Random,
  storedBytes,
} from '@tamp/core';
import { growArchiveFile } from '@tamp/export-zip/node';
import type { MachineSpeed } from '@tamp/recipe';
import * as tf from '@tensorflow/tfjs-core';

/** Each measurement is repeated and the fastest taken: others on the machine only ever slow one down. */
const repetitions = 4;

async function fastest(work: () => Promise<void>, times: number = repetitions): Promise<number> {
  let seconds = Infinity;
  for (let i = 0; i <= times; i++) {
    const started = performance.now();
    await work();
    // The first time compiles.
    if (i > 0) seconds = Math.min(seconds, (performance.now() - started) / 1000);
  }
  return seconds;
}

async function multiplyAddsPerSecond(): Promise<number> {
  const [rows, inner, columns] = [256, 1024, 512];
  const left = tf.ones([rows, inner]);
  const right = tf.ones([inner, columns]);
  try {
    const seconds = await fastest(async () => {
      const product = tf.matMul(left, right);
      await product.data();
      product.dispose();
    });
    return (rows * inner * columns) / seconds;
  } finally {
    left.dispose();
    right.dispose();
  }
}

/** Bytes of one parameter a second that are written as those of a large model's archive are. */
async function archiveBytesPerSecond(parameter: Parameter): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'tamp-'));
  const builder = createGraphBuilder();
  builder.output('y', builder.input('x', { dtype: 'float32', shape: [1] }));
  const model: Model = {
    graph: builder.build(),
    parameters: new Map([[parameter.name, parameter]]),
    architecture: 'none',
    config: {},
    assets: new Map(),
  };
  try {
    const seconds = await fastest(async () => {
      await growArchiveFile(join(folder, 'written'), { expectedBytes: 2 ** 30 }).finish(model);
    }, 2);
    return storedBytes(parameter.storage) / seconds;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Measures, in some tenths of a second, what plans reckon with. Uses the backend that is set. */
export async function measureMachine(): Promise<MachineSpeed> {
  const processBytes = process.memoryUsage.rss();
  // Several chunks, so that they are prepared side by side as in a run.
  const numbers = new Random(2).fillNormal(new Float32Array(2 ** 23));
  const shape = [2 ** 11, 2 ** 12];
  const levels = { bits: 8, symmetric: true, granularity: { kind: 'channel' } } as const;
  const packed: Parameter = {
    name: 'levels',
    shape,
    storage: {
      kind: 'affine',
      scheme: levels,
      levels: bytesOf(Int8Array.from(numbers, (value) => 40 * value)),
      scales: denseStorage(numbers.subarray(0, shape[0])),
    },
  };
  const dense: Parameter = { name: 'numbers', shape, storage: denseStorage(numbers, 'bfloat16') };
  return {
    processBytes,
    multiplyAddsPerSecond: await multiplyAddsPerSecond(),
    numberBytesPerSecond: await archiveBytesPerSecond(dense),
    levelBytesPerSecond: await archiveBytesPerSecond(packed),
  };
}
