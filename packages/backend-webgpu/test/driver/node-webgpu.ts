import { existsSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { registerWebGpuBackend } from '../../src/index.js';

/** SwiftShader as Debian's chromium brings it: a Vulkan driver that needs no GPU. */
const softwareDriver = '/usr/lib/chromium/vk_swiftshader_icd.json';

/** Dawn's adapter, or why there is none. */
export type WebGpuInNode = { readonly adapter: string } | { readonly missing: string };

let started: Promise<WebGpuInNode> | undefined;

async function start(): Promise<WebGpuInNode> {
  const { env } = process;
  const chosen = env.VK_ICD_FILENAMES ?? env.VK_DRIVER_FILES;
  if (chosen === undefined && existsSync(softwareDriver)) env.VK_ICD_FILENAMES = softwareDriver;
  try {
    const { create, globals } = await import('webgpu');
    Object.assign(globalThis, globals);
    Object.defineProperty(globalThis, 'navigator', {
      value: { ...globalThis.navigator, gpu: create([]) },
      configurable: true,
    });
    const { name, adapter } = await registerWebGpuBackend();
    await tf.setBackend(name);
    return { adapter };
  } catch (error) {
    return { missing: `Dawn does not start: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/**
 * Starts Dawn and tfjs's WebGPU backend, once per process. Without a driver: throws when TAMP_REQUIRE_DRIVERS is 1, and
 * says so loudly otherwise; the tests that need it are then skipped.
 */
export async function webGpuInNode(): Promise<WebGpuInNode> {
  started ??= start();
  const state = await started;
  if ('missing' in state) {
    if (process.env.TAMP_REQUIRE_DRIVERS === '1') throw new Error(state.missing);
    console.warn(`SKIPPED: WebGPU tests in Node. ${state.missing}.`);
  }
  return state;
}
