import { registerCpuBackend } from '@tamp/backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
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
        const integers = quantizedChecks.filter(({ name }) => name.includes('int8'));
        expect(integers).toHaveLength(3);
        for (const check of integers) await check.run('webgpu');
      } finally {
        registerWebGpuKernels();
      }
    });

    // SwiftShader and lavapipe have subgroups, of 4 and 8 threads, so the checks above ran with them.
    it('the same without subgroups', async () => {
      expect(registerWebGpuKernels()).toMatchObject({ subgroups: true });
      expect(registerWebGpuKernels({ subgroups: false })).toMatchObject({ subgroups: false });
      try {
        for (const check of quantizedChecks) await check.run('webgpu');
      } finally {
        registerWebGpuKernels();
      }
    });
  },
);
