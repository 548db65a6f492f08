import { registerCpuBackend } from '@tamp/backend-cpu';
import { registerWebGpuBackend } from '@tamp/backend-webgpu';
import { TampError } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-webgpu';
import { describeAdapter } from './adapter.js';
import type { CpuInfo, WebGpuInfo } from './backend-info.js';

/** How the CPU is to be used. */
export interface CpuOptions {
  /** Default: one per core where the page may have threads. */
  readonly threads?: number;
  /** `baseline` leaves out fused multiply-adds, as WebGPU does. Default: the fastest. */
  readonly simd?: 'baseline';
}

const cpuName = 'tamp-cpu';

/** Starts the WebAssembly backend, in place of the one that runs. */
export async function startCpu(options: CpuOptions): Promise<CpuInfo> {
  tf.enableProdMode();
  if (tf.findBackend(cpuName) !== null) tf.removeBackend(cpuName);
  const { threads, simd } = await registerCpuBackend({ ...options, name: cpuName });
  await tf.setBackend(cpuName);
  return { kind: 'cpu', threads, simd, isolated: globalThis.crossOriginIsolated };
}

/** Starts WebGPU. `onLost` is told when the device goes away. Rejects with a `TampError` where there is none. */
export async function startWebGpu(onLost: (reason: string) => void): Promise<WebGpuInfo> {
  tf.enableProdMode();
  const adapter = await describeAdapter();
  if ('missing' in adapter) {
    throw new TampError(`WebGPU is missing: ${adapter.missing}`, {
      code: 'unsupported',
      remedy: 'Choose the CPU.',
    });
  }
  const { name, adapter: description, integerDot, lost } = await registerWebGpuBackend();
  await tf.setBackend(name);
  void lost.then(({ problem }) => onLost(problem));
  return { kind: 'webgpu', adapter: description, software: adapter.software, integerDot };
}
