import { rmSync } from 'node:fs';
import { registerCpuBackend } from '@tamp/backend-cpu';
import { createModelRunner } from '@tamp/core';
import { openArchiveFile } from '@tamp/export-zip/node';
import { measurePerplexity } from '@tamp/recipe';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { residentBytes } from './body/resident-bytes.js';
import { webGpuInNode } from './driver/node-webgpu.js';
import { type TinyLlamaArchives, writeTinyLlamaArchives } from './driver/tiny-llama-archives.js';

const webgpu = await webGpuInNode();

function bytesOnGpu(): number {
  return (tf.backend() as WebGPUBackend).memory().numBytesInGPU;
}

describe.skipIf('missing' in webgpu)('tiny-llama on WebGPU in Node', () => {
  let written: TinyLlamaArchives;
  beforeAll(async () => {
    // The same arithmetic as the GPU's kernels: without fused multiply-adds.
    await registerCpuBackend({ simd: 'baseline' });
    await tf.setBackend('tamp-cpu');
    written = await writeTinyLlamaArchives();
  });
  afterAll(() => {
    tf.removeBackend('tamp-cpu');
    rmSync(written.folder, { recursive: true, force: true });
  });

  it.each(['W8A8', 'W4A16'] as const)(
    '%s: the perplexity of the CPU, within 1e-4 of it',
    {
      timeout: 900_000,
    },
    async (name) => {
      const path = written.archives.find((archive) => archive.name === name)?.path ?? '';
      const perplexities: number[] = [];
      for (const backend of ['tamp-cpu', 'webgpu']) {
        await tf.setBackend(backend);
        const before = tf.memory().numTensors;
        const { model, close } = await openArchiveFile(path);
        const { perplexity } = await measurePerplexity(model, written.windows);
        await close();
        expect(tf.memory().numTensors).toBe(before);
        perplexities.push(perplexity);
      }
      const [cpu, gpu] = perplexities;
      console.log(
        `${name}: perplexity over ${written.windows.count} windows ${cpu} on the CPU, ${gpu} on WebGPU`,
      );
      expect(Math.abs(gpu - cpu) / cpu).toBeLessThan(1e-4);
    },
  );

  it.each(['W8A8', 'W4A16'] as const)(
    '%s: the GPU holds the packed bytes, and activations while it runs',
    async (name) => {
      const path = written.archives.find((archive) => archive.name === name)?.path ?? '';
      await tf.setBackend('webgpu');
      const { model, close } = await openArchiveFile(path);
      const runner = createModelRunner(model);
      const ids = tf.tensor2d(written.windows.ids.subarray(0, 64), [1, 64], 'int32');
      const start = bytesOnGpu();
      let peak = 0;
      let activations = 0;
      const observe = new Map(
        model.graph.nodes
          .filter(({ kind }) => kind === 'operator')
          .map(({ name: node }) => [
            node,
            (value: tf.Tensor) => {
              peak = Math.max(peak, bytesOnGpu() - start);
              activations += value.size * 4;
            },
          ]),
      );
      for (let run = 0; run < 2; run++) {
        activations = 0;
        const { logits } = await runner.run({ input_ids: ids }, { observe });
        await logits.data();
        logits.dispose();
      }
      const held = bytesOnGpu() - start - ids.size * 4;
      console.log(`${name}: ${held} bytes on the GPU, at most ${peak} while it runs`);
      // Packed words, scales and dense parameters, to the byte: no copy and nothing of a run is left.
      expect(held).toBe(residentBytes(model));
      // tfjs frees what a run no longer needs when it submits; operators hold quantized inputs and uniforms besides.
      expect(peak).toBeLessThan(residentBytes(model) + 2 * activations);
      runner.dispose();
      ids.dispose();
      await close();
      expect(bytesOnGpu()).toBe(start);
    },
  );
});
