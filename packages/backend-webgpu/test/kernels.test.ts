import { registerCpuBackend } from '@tamp/backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { afterAll, beforeAll, describe, it, vi } from 'vitest';
import { registerWebGpuKernels } from '../src/index.js';
import { fusedChecks } from './body/fused-checks.js';
import { levelChecks } from './body/level-checks.js';
import { modelChecks } from './body/model-checks.js';
import { quantizedChecks } from './body/quantized-checks.js';
import { integerChecks } from './body/webgpu-integer-checks.js';
import { webGpuInNode } from './driver/node-webgpu.js';

const webgpu = await webGpuInNode();

// A software adapter compiles some pipelines for seconds.
vi.setConfig({ testTimeout: 300_000 });

describe('tamp-cpu', () => {
  beforeAll(async () => {
    await registerCpuBackend();
  });
  afterAll(() => tf.removeBackend('tamp-cpu'));
  for (const check of [...quantizedChecks, ...fusedChecks, ...levelChecks, ...modelChecks])
    it(check.name, () => check.run('tamp-cpu'));
});

describe.skipIf('missing' in webgpu)(
  `WebGPU in Node (${'adapter' in webgpu ? webgpu.adapter : webgpu.missing})`,
  () => {
    for (const check of integerChecks()) it(check.name, () => check.run('webgpu'));
    for (const check of [...quantizedChecks, ...fusedChecks, ...levelChecks, ...modelChecks])
      it(check.name, () => check.run('webgpu'));

    it('the same without dot4I8Packed', async () => {
      registerWebGpuKernels({ integerDot: 'unpacked' });
      try {
        for (const check of quantizedChecks.slice(0, 2)) await check.run('webgpu');
      } finally {
        registerWebGpuKernels();
      }
    });
  },
);
