import { TampError } from '@tamp/core';

const PAGE = 65536;
const MAX_PAGES = 65536;
/** Blocks start at multiples of a cache line. */
const ALIGNMENT = 64;
const MIN_GROWTH = 16 * 1024 * 1024;

/** Creates a memory with as high a limit as the platform reserves address space for. */
export function createMemory(shared: boolean, initialBytes: number): WebAssembly.Memory {
  const initial = Math.ceil(initialBytes / PAGE);
  for (let maximum = MAX_PAGES; ; maximum /= 2) {
    try {
      return new WebAssembly.Memory({ initial, maximum, shared });
    } catch (cause) {
      if (maximum / 2 >= Math.max(initial, 1024)) continue;
      throw new TampError('This platform gives WebAssembly no memory', { code: 'unsupported', cause });
    }
  }
}

/**
 * The allocator of a WebAssembly memory: blocks with free and reuse, kept outside the memory itself. Best fit,
 * neighbours joined when freed; the memory grows when nothing fits, and by nobody else. Views are made anew after growth,
 * so read them from here each time and never keep one across an allocation.
 */
export class Heap {
  readonly #memory: WebAssembly.Memory;
  readonly #sizes = new Map<number, number>();
  /** Free blocks in the order of their addresses. */
  readonly #free: { start: number; size: number }[];
  /** Every buffer object that the memory has had: a shared memory gets a new one each time it grows. */
  readonly #buffers = new WeakSet<ArrayBufferLike>();
  #buffer: ArrayBufferLike;
  #u8: Uint8Array;
  #i32: Int32Array;
  #f32: Float32Array;
  #used = 0;

  constructor(memory: WebAssembly.Memory, firstFreeByte: number) {
    this.#memory = memory;
    const start = roundUp(firstFreeByte);
    this.#free = [{ start, size: memory.buffer.byteLength - start }];
    this.#buffer = memory.buffer;
    this.#buffers.add(this.#buffer);
    this.#u8 = new Uint8Array(this.#buffer);
    this.#i32 = new Int32Array(this.#buffer);
    this.#f32 = new Float32Array(this.#buffer);
  }

  /** Bytes in blocks that are not free. */
  get usedBytes(): number {
    return this.#used;
  }

  /** Blocks that are not free. */
  get blocks(): number {
    return this.#sizes.size;
  }

  get u8(): Uint8Array {
    return this.#u8;
  }

  get i32(): Int32Array {
    return this.#i32;
  }

  get f32(): Float32Array {
    return this.#f32;
  }

  /** The buffer as it is now. */
  get buffer(): ArrayBufferLike {
    return this.#buffer;
  }

  /** Whether an array is a view of this memory. */
  owns(buffer: ArrayBufferLike): boolean {
    return this.#buffers.has(buffer);
  }

  /** A block of at least `bytes` bytes, with whatever was in it before. */
  allocate(bytes: number): number {
    const size = Math.max(ALIGNMENT, roundUp(bytes));
    let best = -1;
    let bestSize = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.#free.length; i++) {
      const candidate = this.#free[i]?.size ?? 0;
      if (candidate >= size && candidate < bestSize) {
        best = i;
        bestSize = candidate;
        if (candidate === size) break;
      }
    }
    if (best < 0) {
      this.#grow(size);
      best = this.#free.length - 1;
    }
    const block = this.#free[best];
    if (block === undefined) throw new TampError('The heap lost its last block', { code: 'internal' });
    const { start } = block;
    if (block.size === size) this.#free.splice(best, 1);
    else {
      block.start += size;
      block.size -= size;
    }
    this.#sizes.set(start, size);
    this.#used += size;
    return start;
  }

  /** Gives a block back. */
  free(start: number): void {
    const size = this.#sizes.get(start);
    if (size === undefined) throw new TampError(`No block starts at ${start}`, { code: 'internal' });
    this.#sizes.delete(start);
    this.#used -= size;
    this.#insert(start, size);
  }

  #insert(start: number, size: number): void {
    let low = 0;
    let high = this.#free.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#free[middle]?.start ?? 0) < start) low = middle + 1;
      else high = middle;
    }
    const before = this.#free[low - 1];
    const after = this.#free[low];
    const joinsBefore = before !== undefined && before.start + before.size === start;
    const joinsAfter = after !== undefined && start + size === after.start;
    if (joinsBefore && joinsAfter) {
      before.size += size + after.size;
      this.#free.splice(low, 1);
    } else if (joinsBefore) before.size += size;
    else if (joinsAfter) {
      after.start = start;
      after.size += size;
    } else this.#free.splice(low, 0, { start, size });
  }

  /** Makes the last free block large enough for `size`. */
  #grow(size: number): void {
    const length = this.#memory.buffer.byteLength;
    const last = this.#free.at(-1);
    const atEnd = last !== undefined && last.start + last.size === length ? last.size : 0;
    const needed = Math.ceil((size - atEnd) / PAGE);
    const wished = Math.max(needed, Math.ceil(Math.max(MIN_GROWTH, length / 8) / PAGE));
    let pages = 0;
    for (const attempt of [wished, needed]) {
      try {
        this.#memory.grow(attempt);
        pages = attempt;
        break;
      } catch (cause) {
        if (attempt !== needed) continue;
        throw new TampError(
          `${size} bytes do not fit into WebAssembly memory, of which ${this.#used} bytes are in use`,
          {
            code: 'data',
            remedy: 'Dispose tensors that are no longer needed, or use smaller batches.',
            cause,
          },
        );
      }
    }
    this.#renewViews();
    this.#insert(length, pages * PAGE);
  }

  #renewViews(): void {
    const buffer = this.#memory.buffer;
    this.#buffer = buffer;
    this.#buffers.add(buffer);
    this.#u8 = new Uint8Array(buffer);
    this.#i32 = new Int32Array(buffer);
    this.#f32 = new Float32Array(buffer);
  }
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
