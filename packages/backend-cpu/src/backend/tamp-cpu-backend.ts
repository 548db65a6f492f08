import { TampError } from '@tamp/core';
import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { type HeapDataType, HeapTensorData } from './heap-tensor-data.js';
import type { Runtime } from './runtime.js';

/** A tensor that a kernel is about to write. */
export interface HeapOutput {
  readonly info: tf.TensorInfo;
  readonly pointer: number;
}

/**
 * tfjs's CPU backend with its tensors in WebAssembly memory. tfjs's own kernels keep working: they see typed
 * arrays; data moves into the heap when a WebAssembly kernel first uses it.
 */
export class TampCpuBackend extends MathBackendCPU {
  readonly runtime: Runtime;

  constructor(runtime: Runtime) {
    super();
    this.runtime = runtime;
  }

  /** Address of a tensor's values; `temporaries` receives a copy where they have another type. */
  pointer(info: tf.TensorInfo, dtype: HeapDataType, temporaries: Temporaries): number {
    const data = this.#data(info.dataId);
    const pointer = data.pointer(dtype);
    if (pointer !== undefined) return pointer;
    const values = data.values;
    if (!ArrayBuffer.isView(values)) {
      throw new TampError(`A ${info.dtype} tensor cannot be read as ${dtype}`, { code: 'usage' });
    }
    const copy = temporaries.allocate(values.length * 4);
    const { heap } = this.runtime;
    (dtype === 'int32' ? heap.i32 : heap.f32).set(values, copy / 4);
    return copy;
  }

  /** A new tensor in the heap, its values not yet written; `capacity` leaves room for {@link extended}. */
  output(shape: readonly number[], dtype: HeapDataType, capacity?: number): HeapOutput {
    const length = tf.util.sizeFromShape([...shape]);
    const data = HeapTensorData.inHeap(this.runtime.heap, dtype, length, capacity);
    const dataId = {};
    this.data.set(dataId, data);
    return { info: { dataId, shape: [...shape], dtype }, pointer: data.pointer(dtype) ?? 0 };
  }

  /**
   * A tensor in the memory of another, whose values are its first ones; those behind them are not yet written. Undefined
   * where that memory has no room or something else lies there.
   */
  extended(info: tf.TensorInfo, shape: readonly number[]): HeapOutput | undefined {
    const data = this.#data(info.dataId);
    const dtype = data.dtype === 'int32' ? 'int32' : 'float32';
    const length = tf.util.sizeFromShape(info.shape);
    if (!data.extend(length, tf.util.sizeFromShape([...shape]))) return undefined;
    this.incRef(info.dataId);
    return { info: { dataId: info.dataId, shape: [...shape], dtype }, pointer: data.pointer(dtype) ?? 0 };
  }

  /** Whether the data of a tensor has the type that the tensor says (tfjs may cast without converting). */
  holds(info: tf.TensorInfo, dtype: HeapDataType): boolean {
    return this.#data(info.dataId).dtype === dtype;
  }

  override write(values: tf.backend_util.BackendValues, _shape: number[], dtype: tf.DataType): object {
    const dataId = {};
    this.data.set(dataId, new HeapTensorData(this.runtime.heap, dtype, 1, values));
    return dataId;
  }

  override move(
    dataId: object,
    values: tf.backend_util.BackendValues,
    _shape: number[],
    dtype: tf.DataType,
    refCount: number,
  ): void {
    this.data.set(dataId, new HeapTensorData(this.runtime.heap, dtype, refCount, values));
  }

  override readSync(dataId: object): tf.backend_util.BackendValues {
    const data = this.#data(dataId);
    if (data.dtype === 'complex64') return super.readSync(dataId);
    return tf.util.convertBackendValuesAndArrayBuffer(data.copy() ?? new Float32Array(0), data.dtype);
  }

  override disposeData(dataId: object, force = false): boolean {
    const data = this.data.has(dataId) ? this.#data(dataId) : undefined;
    const gone = super.disposeData(dataId, force);
    if (gone) data?.release();
    return gone;
  }

  override dispose(): void {
    this.runtime.pool.dispose();
    super.dispose();
  }

  #data(dataId: object): HeapTensorData {
    const data = this.data.get(dataId);
    if (data instanceof HeapTensorData) return data;
    throw new TampError('A tensor of this backend has no data of its own kind', { code: 'internal' });
  }
}

/** The backend that tfjs hands to a kernel, checked. */
export function tampCpuBackend(backend: unknown): TampCpuBackend {
  if (backend instanceof TampCpuBackend) return backend;
  throw new TampError('This kernel was called with another backend', {
    code: 'usage',
    remedy: 'Call registerCpuBackend() and tf.setBackend with the name it registers.',
  });
}

/** Blocks that live for one kernel call. */
export class Temporaries {
  readonly #backend: TampCpuBackend;
  readonly #blocks: number[] = [];

  constructor(backend: TampCpuBackend) {
    this.#backend = backend;
  }

  allocate(bytes: number): number {
    const block = this.#backend.runtime.heap.allocate(bytes);
    this.#blocks.push(block);
    return block;
  }

  release(): void {
    for (const block of this.#blocks) this.#backend.runtime.heap.free(block);
    this.#blocks.length = 0;
  }
}

/** Runs a kernel's body and gives its temporary blocks back, also when it throws. */
export function withTemporaries<T>(backend: TampCpuBackend, body: (temporaries: Temporaries) => T): T {
  const temporaries = new Temporaries(backend);
  try {
    return body(temporaries);
  } finally {
    temporaries.release();
  }
}
