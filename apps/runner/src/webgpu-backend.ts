import { isTampError, TampError } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import type { Backend } from './backend.js';

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

/**
 * Starts WebGPU on Dawn, with tamp's kernels. Rejects with a `TampError`: `usage` when Dawn is not installed,
 * `unsupported` where it finds no adapter.
 */
export async function startWebGpu(): Promise<Backend> {
  tf.enableProdMode();
  const { create, globals } = await loadDawn();
  Object.assign(globalThis, globals);
  Object.defineProperty(globalThis, 'navigator', {
    value: { ...globalThis.navigator, gpu: create([]) },
    configurable: true,
  });
  // Only now: tfjs looks for WebGPU when its backend is imported, and elsewhere the command does without.
  const { registerWebGpuBackend } = await import('@tamp/backend-webgpu');
  try {
    const { name } = await registerWebGpuBackend();
    await tf.setBackend(name);
    return { name, threads: 1, stop: () => tf.removeBackend(name) };
  } catch (error) {
    if (!isTampError(error) || error.code !== 'unsupported') throw error;
    throw new TampError(error.problem, {
      code: 'unsupported',
      remedy:
        'Install a Vulkan, Metal or Direct3D 12 driver (on Linux VK_ICD_FILENAMES names one), or use --backend cpu.',
      cause: error,
    });
  }
}
