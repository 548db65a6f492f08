import { blobSource } from '@tamp/core';
import { openArchive } from '@tamp/export-zip';
import { measurePerplexity } from '@tamp/recipe';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import '@tensorflow/tfjs-backend-webgl';
import { type IntegerDot, registerWebGpuBackend } from '../../src/index.js';
import type { Check } from '../body/check.js';
import { fusedChecks } from '../body/fused-checks.js';
import { levelChecks } from '../body/level-checks.js';
import { modelChecks, refusalChecks } from '../body/model-checks.js';
import { quantizedChecks } from '../body/quantized-checks.js';
import { integerChecks } from '../body/webgpu-integer-checks.js';

/** What a test in Node can call in the page. */
export interface TestPage {
  /** Selects WebGPU; gives the adapter's name. */
  start(): Promise<{ adapter: string; integerDot: IntegerDot; subgroups: boolean }>;
  /** Names of the checks. */
  checks(): string[];
  /** Runs a check on WebGPU; gives what differs, or null. */
  run(name: string): Promise<string | null>;
  /** Runs a check on one of tfjs's backends without kernels for packed weights; its WebAssembly is in `/files/`. */
  runElsewhere(name: string, backend: 'webgl' | 'wasm'): Promise<string | null>;
  /** Loses the device while a matrix product is read; gives the error, and the product on a new device. */
  loseDevice(): Promise<{ error: string; again: number }>;
  /** Perplexity of the archive at an address over windows of `length` tokens, on WebGPU. */
  perplexity(address: string, ids: number[], length: number): Promise<number>;
}

const checks = (): readonly Check[] => [
  ...integerChecks(),
  ...quantizedChecks,
  ...fusedChecks,
  ...levelChecks,
  ...modelChecks,
];

/** What a check finds different on a backend, or null. */
async function failureOf(among: readonly Check[], name: string, backend: string): Promise<string | null> {
  const check = among.find((candidate) => candidate.name === name);
  if (check === undefined) return `there is no check ${name}`;
  try {
    await check.run(backend);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const testPage: TestPage = {
  async start() {
    const { name, adapter, integerDot, subgroups } = await registerWebGpuBackend();
    await tf.setBackend(name);
    return { adapter, integerDot, subgroups };
  },
  checks: () => checks().map(({ name }) => name),
  run: (name) => failureOf(checks(), name, 'webgpu'),
  async runElsewhere(name, backend) {
    setWasmPaths('/files/');
    if (!(await tf.setBackend(backend))) return `there is no ${backend} here`;
    return failureOf(refusalChecks, name, backend);
  },
  async loseDevice() {
    const product = (): tf.Tensor => tf.matMul(tf.ones([64, 64]), tf.ones([64, 64]));
    const { backend } = await registerWebGpuBackend();
    const before = tf.memory().numTensors;
    const lost = tf.tidy(product);
    const reading = lost.data();
    backend.device.destroy();
    const error = await reading.then(
      () => 'none',
      (reason: unknown) => String(reason),
    );
    lost.dispose();
    if (tf.memory().numTensors !== before) throw new Error('tensors are left');
    tf.removeBackend('webgpu');
    await tf.setBackend((await registerWebGpuBackend()).name);
    const fresh = tf.tidy(product);
    const [again] = await fresh.data();
    fresh.dispose();
    return { error, again };
  },
  async perplexity(address, ids, length) {
    await tf.setBackend('webgpu');
    const archive = await (await fetch(address)).blob();
    const model = await openArchive(blobSource(archive));
    const windows = { ids: Int32Array.from(ids), length, count: ids.length / length };
    const before = tf.memory().numTensors;
    const { perplexity } = await measurePerplexity(model, windows);
    if (tf.memory().numTensors !== before) throw new Error('tensors are left');
    return perplexity;
  },
};

Object.assign(globalThis, { testPage });
