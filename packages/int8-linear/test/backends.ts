import { expectNoTensorLeaks } from '@tamp/fixtures/tensor-leaks';
import '@tensorflow/tfjs-backend-cpu';
import { registerCpuBackend } from '@tamp/backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { beforeEach, describe } from 'vitest';

/** Every tfjs backend that has the kernels; the same tests run over each. tfjs's own cpu backend is the reference. */
const backends: Readonly<Record<string, () => Promise<void>>> = {
  cpu: async () => {},
  'tamp-cpu': async () => {
    await registerCpuBackend();
  },
};

/** Runs tests over every backend; each must leave as many tensors as it found. */
export function overBackends(title: string, body: () => void): void {
  describe.each(Object.keys(backends))(`${title}, on %s`, (backend) => {
    beforeEach(async () => {
      await backends[backend]();
      await tf.setBackend(backend);
    });
    expectNoTensorLeaks();
    body();
  });
}
