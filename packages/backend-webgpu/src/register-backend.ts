import { TampError } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import { describeAdapter, requestDevice } from './backend/request-device.js';
import { runningBackend, TampWebGpuBackend } from './backend/tamp-webgpu-backend.js';
import { backendName } from './program/kernel-call.js';
import { registerWebGpuKernels, type WebGpuKernelOptions, type WebGpuKernels } from './register.js';

/** Options of {@link registerWebGpuBackend}. */
export interface WebGpuBackendOptions extends WebGpuKernelOptions {
  /** Which of several GPUs. Default `high-performance`. */
  readonly powerPreference?: GPUPowerPreference;
}

/** What was registered. */
export interface WebGpuBackend extends WebGpuKernels {
  /** The backend's name in tfjs: `webgpu`. */
  readonly name: string;
  /** Vendor, architecture and description of the adapter, as far as the browser tells. */
  readonly adapter: string;
  /** Resolves when the device is lost, with the error that later calls throw. */
  readonly lost: Promise<TampError>;
  readonly backend: TampWebGpuBackend;
}

/** As tfjs's own. */
const PRIORITY = 3;

let starting: Promise<TampWebGpuBackend> | undefined;

/**
 * Starts WebGPU and registers it with tfjs as `webgpu`: tfjs's backend with kernels for packed weights, on a device
 * with all that these can use, and with clear errors for a lost device and full memory. `tf.setBackend('webgpu')`
 * selects it; `tf.removeBackend('webgpu')` frees the device. A second call gives the backend that is there.
 *
 * @throws TampError (`unsupported`) where there is no WebGPU or an option asks for what it lacks, (`usage`) when tfjs
 * has started its own WebGPU backend before
 */
export async function registerWebGpuBackend(options: WebGpuBackendOptions = {}): Promise<WebGpuBackend> {
  const running = runningBackend();
  if (running === undefined && tf.engine().registry[backendName] !== undefined) {
    throw new TampError('tfjs has started its own WebGPU backend already', {
      code: 'usage',
      remedy:
        'Call registerWebGpuBackend() before the first use of tfjs, or tf.removeBackend("webgpu") first.',
    });
  }
  const backend = running ?? (await startOnce(options.powerPreference ?? 'high-performance'));
  const kernels = registerWebGpuKernels(options);
  return {
    ...kernels,
    name: backendName,
    adapter: backend.adapter,
    lost: backend.lost,
    backend,
  };
}

/** Calls at the same time share one device. */
function startOnce(powerPreference: GPUPowerPreference): Promise<TampWebGpuBackend> {
  starting ??= startBackend(powerPreference).finally(() => {
    starting = undefined;
  });
  return starting;
}

async function startBackend(powerPreference: GPUPowerPreference): Promise<TampWebGpuBackend> {
  const { device, info } = await requestDevice(powerPreference);
  const backend = new TampWebGpuBackend(device, describeAdapter(info), info);
  // tfjs registers a factory of its own when it is imported where WebGPU is.
  if ((tf.findBackendFactory(backendName) ?? null) !== null) tf.removeBackend(backendName);
  tf.registerBackend(backendName, () => backend, PRIORITY);
  // tfjs disposes only what it has looked up once: now, so that removing the backend always frees the device.
  tf.findBackend(backendName);
  return backend;
}
