import { blobSource } from '@tamp/core';
import { openArchive } from '@tamp/export-zip';
import { measurePerplexity } from '@tamp/recipe';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-webgpu';
import { type IntegerDot, registerWebGpuKernels } from '../../src/index.js';
import type { Check } from '../body/check.js';
import { fusedChecks } from '../body/fused-checks.js';
import { quantizedChecks } from '../body/quantized-checks.js';
import { integerChecks } from '../body/webgpu-integer-checks.js';

/** What a test in Node can call in the page. */
export interface TestPage {
  /** Selects WebGPU; gives the adapter's name. */
  start(): Promise<{ adapter: string; integerDot: IntegerDot }>;
  /** Names of the checks. */
  checks(): string[];
  /** Runs a check on WebGPU; gives what differs, or null. */
  run(name: string): Promise<string | null>;
  /** Perplexity of the archive at an address over windows of `length` tokens, on WebGPU. */
  perplexity(address: string, ids: number[], length: number): Promise<number>;
}

const checks = (): readonly Check[] => [...integerChecks(), ...quantizedChecks, ...fusedChecks];

const testPage: TestPage = {
  async start() {
    const { integerDot } = registerWebGpuKernels();
    await tf.setBackend('webgpu');
    const adapter = await navigator.gpu.requestAdapter();
    const { vendor, architecture, description } = adapter?.info ?? {};
    return {
      adapter: [vendor, architecture, description].filter((part) => (part ?? '') !== '').join(' '),
      integerDot,
    };
  },
  checks: () => checks().map(({ name }) => name),
  async run(name) {
    const check = checks().find((candidate) => candidate.name === name);
    if (check === undefined) return `there is no check ${name}`;
    try {
      await check.run('webgpu');
      return null;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
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
