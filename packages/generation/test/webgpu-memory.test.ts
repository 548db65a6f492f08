import { registerCpuBackend } from '@tamp/backend-cpu';
import { roomForRows } from '@tamp/core';
import { fullTests } from '@tamp/fixtures/full-tests';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { residentBytes } from '../../backend-webgpu/test/body/resident-bytes.js';
import { webGpuInNode } from '../../backend-webgpu/test/driver/node-webgpu.js';
import { createGenerator } from '../src/index.js';
import { forms, type TinyLlama, tinyLlama } from './world/tiny-llama.js';

const webgpu = await webGpuInNode();
/** Behind a prompt of 3 tokens: the cache has room for 64 at first and must grow. */
const steps = fullTests ? 100 : 64;
const bytesOnGpu = (): number => (tf.backend() as WebGPUBackend).memory().numBytesInGPU;

/** Bytes of the cache's memory once `length` tokens were read one after the other behind a prompt of three. */
function cacheBytes(length: number): number {
  const [layers, width] = [4, 2 * 32];
  let room = roomForRows(3);
  while (room < length) room = roomForRows(room + 1);
  return layers * 2 * width * room * 4;
}

describe.skipIf('missing' in webgpu)('GPU memory of a generation', () => {
  let world: TinyLlama;
  beforeAll(async () => {
    await registerCpuBackend({ simd: 'baseline' });
    await tf.setBackend('tamp-cpu');
    world = await tinyLlama();
    await tf.setBackend('webgpu');
  });
  afterAll(() => {
    world.remove();
    tf.removeBackend('tamp-cpu');
  });

  it.each(forms.filter((form) => form !== 'float'))(
    `%s: the packed bytes and the cache, to the byte, over ${steps} tokens; nothing afterwards`,
    { timeout: 300_000 },
    async (form) => {
      const { model, close } = await world.open(form);
      const start = { gpu: bytesOnGpu(), tensors: tf.memory().numTensors };
      const generator = createGenerator(model);
      const held: number[] = [];
      const tensors: number[] = [];
      for await (const _ of generator.generate({ prompt: [5, 6, 7], maxTokens: steps + 1, endTokens: [] })) {
        held.push(bytesOnGpu() - start.gpu);
        tensors.push(tf.memory().numTensors);
      }
      const packed = residentBytes(model);
      console.log(
        `${form}: ${packed} packed bytes, ${held[0]} held at the first token, ${held[steps]} at the last`,
      );
      expect(held).toEqual(held.map((_, step) => packed + cacheBytes(3 + step)));
      expect(new Set(tensors).size).toBe(1);
      generator.dispose();
      expect(bytesOnGpu()).toBe(start.gpu);
      expect(tf.memory().numTensors).toBe(start.tensors);
      await close();
    },
  );
});
