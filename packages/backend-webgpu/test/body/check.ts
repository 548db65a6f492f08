import * as tf from '@tensorflow/tfjs-core';

/** One check of a backend; runs in Node and in a page, so it throws instead of using a test library. */
export interface Check {
  readonly name: string;
  /** Throws an error that says what differs. */
  run(backend: string): Promise<void>;
}

/** tfjs's own CPU backend, with core's plain TypeScript kernels. */
export const referenceBackend = 'cpu';

/** The backend's device, where it has one. */
function deviceOf(): GPUDevice | undefined {
  const backend: unknown = tf.backend();
  return typeof backend === 'object' && backend !== null && 'device' in backend
    ? (backend.device as GPUDevice)
    : undefined;
}

/** Throws what WebGPU finds wrong in `work`: by itself it would only give zeros. */
async function withoutGpuErrors<T>(work: () => Promise<T>): Promise<T> {
  const device = deviceOf();
  device?.pushErrorScope('validation');
  const [outcome] = await Promise.allSettled([work()]);
  const error = await device?.popErrorScope();
  if (error) throw new Error(error.message);
  if (outcome.status === 'rejected') throw outcome.reason;
  return outcome.value;
}

/** The values that `compute` gives on a backend; no tensor may be left. */
export async function valuesOn(backend: string, compute: () => tf.Tensor): Promise<Float32Array> {
  await tf.setBackend(backend);
  const before = tf.memory().numTensors;
  const values = await withoutGpuErrors(async () => {
    const result = tf.tidy(compute);
    const read = Float32Array.from(await result.data());
    result.dispose();
    return read;
  });
  const left = tf.memory().numTensors - before;
  if (left !== 0) throw new Error(`${backend} leaves ${left} tensors`);
  return values;
}

/** Throws unless each value differs from the expected one by at most `bound(i)`. */
export function expectWithin(
  values: ArrayLike<number>,
  expected: ArrayLike<number>,
  bound: (i: number) => number,
  label: () => string,
): void {
  if (values.length !== expected.length) {
    throw new Error(`${label()}: ${values.length} values for ${expected.length}`);
  }
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(values[i] - expected[i]);
    if (!(error <= bound(i))) {
      throw new Error(
        `${label()} at ${i}: ${values[i]} for ${expected[i]}, off by ${error}, bound ${bound(i)}`,
      );
    }
  }
}

/** Throws unless the values are the same numbers; 0 and -0 are. */
export function expectSame(
  values: ArrayLike<number>,
  expected: ArrayLike<number>,
  label: () => string,
): void {
  expectWithin(values, expected, () => 0, label);
}
