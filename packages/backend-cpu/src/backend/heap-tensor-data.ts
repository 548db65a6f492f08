import type { backend_util, DataType, TensorInfo } from '@tensorflow/tfjs-core';
import type { Heap } from '../memory/heap.js';

/** Data types that live in the heap. */
export type HeapDataType = 'float32' | 'int32';

/**
 * A tensor's data, either a JavaScript array (as tfjs's own kernels make it) or a block of the heap (once a
 * WebAssembly kernel has used or made it). `values` is made anew at each access, so growth of the memory is safe.
 */
export class HeapTensorData {
  readonly dtype: DataType;
  refCount: number;
  complexTensorInfos?: { real: TensorInfo; imag: TensorInfo };
  readonly #heap: Heap;
  #array: backend_util.BackendValues | undefined;
  #pointer: number | undefined;
  #length = 0;
  /** Values that fit into the block. */
  #capacity = 0;

  constructor(heap: Heap, dtype: DataType, refCount: number, values?: backend_util.BackendValues) {
    this.#heap = heap;
    this.dtype = dtype;
    this.refCount = refCount;
    if (values !== undefined) this.values = values;
  }

  /** Data in a new block of the heap, not yet written, with room for `capacity` values. */
  static inHeap(heap: Heap, dtype: HeapDataType, length: number, capacity: number = length): HeapTensorData {
    const data = new HeapTensorData(heap, dtype, 1);
    data.#pointer = heap.allocate(capacity * 4);
    data.#length = length;
    data.#capacity = capacity;
    return data;
  }

  /**
   * Takes the room behind the first `from` values for the values up to `to`. Refuses, with false, when something is
   * there already or the room does not reach so far.
   */
  extend(from: number, to: number): boolean {
    if (this.#pointer === undefined || from !== this.#length || to > this.#capacity) return false;
    this.#length = to;
    return true;
  }

  get values(): backend_util.BackendValues | undefined {
    if (this.#pointer === undefined) return this.#array;
    const view = this.dtype === 'int32' ? this.#heap.i32 : this.#heap.f32;
    const start = this.#pointer / 4;
    return view.subarray(start, start + this.#length);
  }

  set values(values: backend_util.BackendValues | undefined) {
    this.release();
    // A view of the heap may be some other tensor's block (tfjs slices by subarray): take a copy.
    const isHeapView = ArrayBuffer.isView(values) && this.#heap.owns(values.buffer);
    this.#array = isHeapView ? values.slice() : values;
  }

  /** The values as an array of their own, safe to keep after the tensor is disposed. */
  copy(): backend_util.BackendValues | undefined {
    const values = this.values;
    if (this.#pointer === undefined) return values;
    if (!(values instanceof Float32Array || values instanceof Int32Array)) return values;
    if (values.buffer instanceof ArrayBuffer) return values.slice();
    // Where memory is shared, `slice` takes engines half as long again.
    return values instanceof Int32Array ? new Int32Array(values) : new Float32Array(values);
  }

  /** Moves the values into the heap, once, and gives their address; undefined when they are not of type `dtype`. */
  pointer(dtype: HeapDataType): number | undefined {
    if (this.dtype !== dtype) return undefined;
    if (this.#pointer !== undefined) return this.#pointer;
    const array = this.#array;
    const fits = dtype === 'int32' ? array instanceof Int32Array : array instanceof Float32Array;
    if (!fits || !ArrayBuffer.isView(array)) return undefined;
    const pointer = this.#heap.allocate(array.length * 4);
    (dtype === 'int32' ? this.#heap.i32 : this.#heap.f32).set(array, pointer / 4);
    this.#pointer = pointer;
    this.#length = array.length;
    this.#capacity = array.length;
    this.#array = undefined;
    return pointer;
  }

  /** Gives the block back. */
  release(): void {
    if (this.#pointer !== undefined) this.#heap.free(this.#pointer);
    this.#pointer = undefined;
    this.#array = undefined;
    this.#length = 0;
  }
}
