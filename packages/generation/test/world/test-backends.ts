import { registerCpuBackend } from '@tamp/backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { webGpuInNode } from '../../../backend-webgpu/test/driver/node-webgpu.js';
import type { Form } from './tiny-llama.js';

/** A backend that the tests run on. */
export interface TestBackend {
  readonly name: string;
  /** Whether it has kernels for quantized models. */
  readonly quantized: boolean;
  readonly slow: boolean;
  /** Most that a logit with a cache may differ from that of a whole pass; logits of tiny-llama reach 19. */
  bound(form: Form): number;
  start(): Promise<void>;
  stop(): void;
}

/** Sums of up to 512 products in another order where one row has a kernel of its own: a few units of 19 · 2^-24. */
const otherOrder = 5e-5;

/** tamp's backends, and tfjs's where they run these models; WebGPU is left out loudly where there is no driver. */
export async function testBackends(): Promise<readonly TestBackend[]> {
  const webgpu = await webGpuInNode();
  const found: TestBackend[] = [
    {
      name: 'tamp-cpu',
      quantized: true,
      slow: false,
      bound: () => otherOrder,
      async start() {
        await registerCpuBackend({ simd: 'baseline' });
        await tf.setBackend('tamp-cpu');
      },
      stop: () => tf.removeBackend('tamp-cpu'),
    },
    {
      name: 'tfjs cpu',
      quantized: true,
      slow: true,
      // One loop for any number of rows: the same bits.
      bound: () => 0,
      async start() {
        await tf.setBackend('cpu');
      },
      stop() {},
    },
    {
      name: 'tfjs wasm',
      quantized: false,
      slow: false,
      bound: () => otherOrder,
      async start() {
        await tf.setBackend('wasm');
      },
      stop() {},
    },
  ];
  if ('missing' in webgpu) return found;
  found.push({
    name: `WebGPU in Node (${webgpu.adapter})`,
    quantized: true,
    slow: true,
    bound: () => otherOrder,
    async start() {
      await tf.setBackend('webgpu');
    },
    stop() {},
  });
  return found;
}
