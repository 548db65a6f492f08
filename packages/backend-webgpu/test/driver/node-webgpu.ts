import { existsSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';

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
    const adapter = await navigator.gpu.requestAdapter();
    if (adapter === null) return { missing: 'Dawn finds no adapter: no Vulkan driver is installed' };
    await import('@tensorflow/tfjs-backend-webgpu');
    await tf.setBackend('webgpu');
    const { vendor, architecture, device, description } = adapter.info;
    return { adapter: [vendor, architecture, device, description].filter((part) => part !== '').join(' ') };
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
