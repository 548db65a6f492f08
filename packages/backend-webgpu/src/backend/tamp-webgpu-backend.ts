import { TampError } from '@tamp/core';
import { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import * as tf from '@tensorflow/tfjs-core';
import { backendName } from '../program/kernel-call.js';
import { completeCode } from './complete-code.js';

/**
 * How long a failed read waits to learn whether the device is lost; the two reach a page in either order, and on a busy
 * machine seconds apart.
 */
const lossDelayMs = 10_000;

/** WGSL must also number the subgroups of a workgroup, so that sums have one order. */
function smallestSubgroupOf(device: GPUDevice, info: GPUAdapterInfo): number | undefined {
  const numbered = globalThis.navigator?.gpu?.wgslLanguageFeatures?.has('subgroup_id') === true;
  if (!numbered || !device.features.has('subgroups')) return undefined;
  const { subgroupMinSize } = info;
  // 4 is the least that WebGPU allows.
  return Math.max(4, subgroupMinSize ?? 4);
}

/**
 * tfjs's WebGPU backend on a device of its own, without its silence: WebGPU answers calls on a lost device, and invalid
 * or too large ones, with zeros. Here they throw.
 */
export class TampWebGpuBackend extends WebGPUBackend {
  /** Resolves with the error that every later call throws; never when the backend is disposed of. */
  readonly lost: Promise<TampError>;
  /** Threads of the smallest subgroups; undefined where programs cannot use subgroups. */
  readonly smallestSubgroup: number | undefined;
  #loss: TampError | undefined;
  #failure: GPUError | undefined;
  #disposed = false;

  /** @param adapter what to call the adapter */
  constructor(
    device: GPUDevice,
    readonly adapter: string,
    info: GPUAdapterInfo,
  ) {
    const createShaderModule = device.createShaderModule.bind(device);
    device.createShaderModule = (descriptor) =>
      createShaderModule({ ...descriptor, code: completeCode(descriptor.code) });
    super(device, info);
    this.smallestSubgroup = smallestSubgroupOf(device, info);
    this.lost = new Promise((resolve) => {
      void device.lost.then(({ message }) => {
        if (this.#disposed) return;
        this.#loss = new TampError('the GPU device was lost, and what was on it', {
          code: 'io',
          remedy:
            'Dispose of what was loaded, call tf.removeBackend("webgpu") and registerWebGpuBackend() again, and load the model anew; if it is lost again, run a smaller model or use @tamp/backend-cpu.',
          cause: message,
        });
        resolve(this.#loss);
      });
    });
    device.addEventListener('uncapturederror', ({ error }) => {
      this.#failure ??= error;
    });
  }

  override runWebGPUProgram(...call: Parameters<WebGPUBackend['runWebGPUProgram']>): tf.TensorInfo {
    if (this.#loss !== undefined) throw this.#loss;
    return super.runWebGPUProgram(...call);
  }

  override async read(dataId: object): Promise<tf.backend_util.BackendValues> {
    if (this.#loss !== undefined && this.tensorMap.get(dataId).values == null) throw this.#loss;
    let values: tf.backend_util.BackendValues;
    try {
      values = await super.read(dataId);
    } catch (cause) {
      throw (await this.#lossWithin(lossDelayMs)) ?? cause;
    }
    this.#throwFailure();
    return values;
  }

  /** The loss of the device, if it comes within some time. */
  async #lossWithin(milliseconds: number): Promise<TampError | undefined> {
    let stop = (): void => {};
    const timeout = new Promise<undefined>((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      stop = () => clearTimeout(timer);
    });
    try {
      return await Promise.race([this.lost, timeout]);
    } finally {
      stop();
    }
  }

  /** Reports what a call since the last read did wrong: its result is not to be trusted. */
  #throwFailure(): void {
    const failure = this.#failure;
    if (failure === undefined) return;
    this.#failure = undefined;
    const full = typeof GPUOutOfMemoryError !== 'undefined' && failure instanceof GPUOutOfMemoryError;
    throw new TampError(full ? 'the GPU memory is full' : `WebGPU refused a call: ${failure.message}`, {
      code: full ? 'io' : 'internal',
      ...(full ? { remedy: 'Use a smaller model or shorter inputs, or @tamp/backend-cpu.' } : {}),
      cause: failure,
    });
  }

  override dispose(): void {
    this.#disposed = true;
    super.dispose();
    this.device.destroy();
  }
}

/** The backend that tfjs runs on, if it is tamp's; looking it up by `findBackend` would start one. */
export function runningBackend(): TampWebGpuBackend | undefined {
  const backend: unknown = tf.engine().registry[backendName];
  return backend instanceof TampWebGpuBackend ? backend : undefined;
}
