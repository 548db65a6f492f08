import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync, constants as zlib } from 'node:zlib';
import { createPackedRounder, Random } from '@tamp/core';
import { fileSink } from '@tamp/core/node';
import type { MachineSpeed } from '@tamp/recipe';
import * as tf from '@tensorflow/tfjs-core';

/** Each measurement is repeated and the fastest taken: others on the machine only ever slow one down. */
const repetitions = 4;

async function fastest(work: () => void | Promise<void>): Promise<number> {
  let seconds = Infinity;
  for (let i = 0; i <= repetitions; i++) {
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

/** Seconds that a byte takes to be written and to be on the disk. */
async function writeSeconds(): Promise<number> {
  const bytes = new Uint8Array(2 ** 24);
  const folder = await mkdtemp(join(tmpdir(), 'tamp-'));
  try {
    const seconds = await fastest(async () => {
      const sink = await fileSink(join(folder, 'written'));
      await sink.write(bytes);
      await sink.finish();
    });
    return seconds / bytes.length;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Measures, in some tenths of a second, what plans reckon with. Uses the backend that is set. */
export async function measureMachine(): Promise<MachineSpeed> {
  const processBytes = process.memoryUsage.rss();
  const [rows, columns] = [256, 1024];
  const weight = new Random(1).fillNormal(new Float32Array(rows * columns));
  const scheme = { bits: 4, symmetric: true, granularity: { kind: 'group', groupSize: 64 } } as const;
  const rounding = await fastest(() => createPackedRounder(rows, columns, scheme).add(weight));
  const bytes = new Uint8Array(weight.buffer);
  const hashing = await fastest(() => void createHash('sha256').update(bytes).digest());
  const deflating = await fastest(
    () => void deflateRawSync(bytes, { strategy: zlib.Z_HUFFMAN_ONLY, memLevel: 9 }),
  );
  const writing = await writeSeconds();
  return {
    processBytes,
    multiplyAddsPerSecond: await multiplyAddsPerSecond(),
    roundingsPerSecond: weight.length / rounding,
    // About a third of an archive pays to be deflated; entries are prepared on two threads.
    archiveBytesPerSecond: 1 / ((hashing + deflating / 3) / (2 * bytes.length) + writing),
  };
}
