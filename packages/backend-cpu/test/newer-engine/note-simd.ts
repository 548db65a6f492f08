/** Notes with each test, for the run's report, which SIMD the backends use that its file has registered so far. */
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, vi } from 'vitest';
import type { SimdVariant, TampCpuBackend } from '../../src/index.js';

declare module 'vitest' {
  interface TaskMeta {
    simd?: readonly SimdVariant[];
  }
}

const registering = vi.spyOn(tf.engine(), 'registerBackend');

function isTampCpu(backend: object): backend is TampCpuBackend {
  return 'runtime' in backend;
}

afterEach(({ task }) => {
  const backends = registering.mock.calls.map(([, factory]) => factory());
  task.meta.simd = backends.filter(isTampCpu).map(({ runtime }) => runtime.simd);
});
