import { TampError } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import { createRuntime, type RuntimeOptions } from './backend/runtime.js';
import { TampCpuBackend } from './backend/tamp-cpu-backend.js';
import { ownKernels } from './kernels/own-kernels.js';
import type { SimdVariant } from './wasm/simd-variant.js';

/** Options of {@link registerCpuBackend}. */
export interface CpuBackendOptions extends RuntimeOptions {
  /** The name under which tfjs knows the backend; by default `tamp-cpu`. No underscores. */
  readonly name?: string;
}

/** What was registered. */
export interface CpuBackend {
  readonly name: string;
  /** Threads in all. */
  readonly threads: number;
  readonly simd: SimdVariant;
  readonly backend: TampCpuBackend;
}

/** Between tfjs's `cpu` (1) and its GPU backends (webgl 2, webgpu 3). */
const PRIORITY = 1.5;

/** Registrations under way, by name: who asks for one again before it is there waits for the same. */
const underWay = new Map<string, Promise<CpuBackend>>();

/**
 * Registers the backend `tamp-cpu` with tfjs: tfjs's CPU kernels with its tensors in WebAssembly memory, and
 * SIMD kernels with threads where it matters. A second call with the same name gives the backend that is there, or
 * will be. `tf.setBackend('tamp-cpu')` selects it; `tf.removeBackend('tamp-cpu')` ends its threads.
 *
 * @throws TampError (`usage`) for a bad option, (`unsupported`) for SIMD that this engine lacks
 */
export async function registerCpuBackend(options: CpuBackendOptions = {}): Promise<CpuBackend> {
  const name = options.name ?? 'tamp-cpu';
  if (name === '' || name.includes('_')) {
    throw new TampError(`"${name}" cannot name a backend`, {
      code: 'usage',
      remedy: 'Use a name without underscores: tfjs loses the kernels of others.',
    });
  }
  const existing: unknown = tf.findBackend(name);
  if (existing instanceof TampCpuBackend) return describe(name, existing);
  if (existing !== null && existing !== undefined) {
    throw new TampError(`tfjs already has another backend named "${name}"`, { code: 'usage' });
  }
  const known = underWay.get(name);
  if (known !== undefined) return known;
  const registration = register(name, options);
  underWay.set(name, registration);
  try {
    return await registration;
  } finally {
    underWay.delete(name);
  }
}

async function register(name: string, options: RuntimeOptions): Promise<CpuBackend> {
  const backend = new TampCpuBackend(await createRuntime(options));
  const own = ownKernels(name);
  const replaced = new Set(own.map(({ kernelName }) => kernelName));
  const present = new Set(tf.getKernelsForBackend(name).map(({ kernelName }) => kernelName));
  for (const config of tf.getKernelsForBackend('cpu')) {
    if (replaced.has(config.kernelName) || present.has(config.kernelName)) continue;
    tf.registerKernel({ ...config, backendName: name });
  }
  for (const config of own) if (!present.has(config.kernelName)) tf.registerKernel(config);
  tf.registerBackend(name, () => backend, PRIORITY);
  // tfjs disposes only what it has looked up once: now, so that removing the backend always ends its threads.
  tf.findBackend(name);
  return describe(name, backend);
}

function describe(name: string, backend: TampCpuBackend): CpuBackend {
  const { pool, simd } = backend.runtime;
  return { name, threads: pool.threads, simd, backend };
}
