import { TampError } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import type { Backend } from './backend.js';

const missingAdapter =
  'Install a Vulkan, Metal or Direct3D 12 driver; on Linux VK_ICD_FILENAMES names one. Or use --backend cpu.';

async function loadDawn(): Promise<typeof import('webgpu')> {
  try {
    return await import('webgpu');
  } catch (cause) {
    throw new TampError('WebGPU needs the package webgpu, which is not installed', {
      code: 'usage',
      remedy: 'Install it beside tamp (npm install webgpu), or use --backend cpu.',
      cause,
    });
  }
}

/** Starts tfjs's WebGPU backend with tamp's kernels on Dawn. Rejects with a `TampError` where there is no adapter. */
export async function startWebGpu(): Promise<Backend> {
  tf.enableProdMode();
  const { create, globals } = await loadDawn();
  Object.assign(globalThis, globals);
  Object.defineProperty(globalThis, 'navigator', {
    value: { ...globalThis.navigator, gpu: create([]) },
    configurable: true,
  });
  const adapter = await navigator.gpu.requestAdapter();
  if (adapter === null) {
    throw new TampError('there is no WebGPU adapter on this machine', {
      code: 'unsupported',
      remedy: missingAdapter,
    });
  }
  // Only now: tfjs looks for WebGPU when its backend is imported.
  await import('@tensorflow/tfjs-backend-webgpu');
  const { registerWebGpuKernels } = await import('@tamp/backend-webgpu');
  registerWebGpuKernels();
  if (!(await tf.setBackend('webgpu'))) {
    throw new TampError('WebGPU does not start', { code: 'unsupported', remedy: missingAdapter });
  }
  return { name: 'webgpu', threads: 1, stop: () => tf.removeBackend('webgpu') };
}
