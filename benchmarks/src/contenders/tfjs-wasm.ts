import { setThreadsCount } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { type CaseData, floatWeight } from '../case-data.js';
import type { ProductCase } from '../cases.js';
import type { Prepared } from '../prepared.js';

/** Chooses tfjs's wasm backend for this process. */
export async function startTfjsWasm(threads: number): Promise<string> {
  setThreadsCount(threads);
  await tf.setBackend('wasm');
  return `tfjs ${tf.version_core}`;
}

/** The product in float32: tfjs has no other. */
export function prepareTfjsWasm({ m, k, n }: ProductCase, data: CaseData): Prepared {
  const plain = tf.tensor2d(floatWeight(data), [n, k]);
  const weight = tf.transpose(plain);
  plain.dispose();
  const bias = tf.tensor1d(data.bias);
  return {
    step() {
      const y = tf.tidy(() => tf.fused.matMul({ a: tf.tensor2d(data.x, [m, k]), b: weight, bias }));
      const values = y.dataSync<'float32'>();
      y.dispose();
      return values;
    },
    release: () => tf.dispose([weight, bias]),
  };
}
