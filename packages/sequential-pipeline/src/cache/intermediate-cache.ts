import { type SavedValue, TampError, type ValueDtype } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import { typedValues } from './typed-values.js';
import type { ValueStorage } from './value-storage.js';

/** The values between two subgraphs: one dictionary per calibration batch. */
export interface IntermediateCache {
  /** Keeps a tensor's values; the tensor stays the caller's. One that several names or batches share is kept once. */
  put(batch: number, name: string, tensor: tf.Tensor): Promise<void>;
  /** The value as a new tensor, the caller's to dispose of. */
  get(batch: number, name: string): Promise<tf.Tensor>;
  /** Drops a value; dropping one that is not there does nothing. */
  drop(batch: number, name: string): Promise<void>;
  /** Every value that is held, each once, to be read one at a time. */
  entries(): readonly SavedValue[];
  /** Bytes held now. */
  readonly bytes: number;
  /** Most bytes held at any time. */
  readonly peakBytes: number;
}

interface Entry {
  readonly key: number;
  readonly shape: readonly number[];
  readonly dtype: ValueDtype;
  readonly bytes: number;
  /** Names and batches that hold it. */
  users: number;
}

function dtypeOf(tensor: tf.Tensor, name: string): ValueDtype {
  const { dtype } = tensor;
  if (dtype === 'float32' || dtype === 'int32' || dtype === 'bool') return dtype;
  throw new TampError(`values of type ${dtype} cannot pass between subgraphs`, {
    code: 'unsupported',
    at: { layer: name },
  });
}

/** A cache that keeps its values in `storage`. */
export function createIntermediateCache(storage: ValueStorage): IntermediateCache {
  const batches = new Map<number, Map<string, Entry>>();
  // Tensors that share their data have one identity in tfjs; it lives no longer than they do.
  const byData = new WeakMap<object, Entry>();
  let bytes = 0;
  let peakBytes = 0;

  const drop = async (batch: number, name: string): Promise<void> => {
    const entry = batches.get(batch)?.get(name);
    if (entry === undefined) return;
    batches.get(batch)?.delete(name);
    entry.users--;
    if (entry.users > 0) return;
    bytes -= entry.bytes;
    await storage.remove(entry.key);
  };

  const entryOf = async (tensor: tf.Tensor, name: string): Promise<Entry> => {
    const known = byData.get(tensor.dataId);
    const dtype = dtypeOf(tensor, name);
    if (known !== undefined && known.users > 0 && known.shape.join() === tensor.shape.join()) return known;
    // A backend may give a view of memory that it uses again.
    const values = (await tensor.data()).slice();
    const raw = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const entry = {
      key: await storage.save(raw),
      shape: [...tensor.shape],
      dtype,
      bytes: raw.byteLength,
      users: 0,
    };
    byData.set(tensor.dataId, entry);
    bytes += raw.byteLength;
    peakBytes = Math.max(peakBytes, bytes);
    return entry;
  };

  return {
    async put(batch, name, tensor) {
      const entry = await entryOf(tensor, name);
      entry.users++;
      await drop(batch, name);
      const dictionary = batches.get(batch) ?? new Map<string, Entry>();
      batches.set(batch, dictionary.set(name, entry));
    },
    async get(batch, name) {
      const entry = batches.get(batch)?.get(name);
      if (entry === undefined) {
        throw new TampError(`batch ${batch + 1} has no intermediate value ${name}`, { code: 'internal' });
      }
      const values = typedValues(await storage.load(entry.key), entry.dtype);
      return tf.tensor(values, [...entry.shape], entry.dtype);
    },
    drop,
    entries() {
      const users = new Map<Entry, { batch: number; name: string }[]>();
      for (const [batch, dictionary] of batches) {
        for (const [name, entry] of dictionary) {
          users.set(entry, [...(users.get(entry) ?? []), { batch, name }]);
        }
      }
      return [...users].map(([{ key, shape, dtype }, list]) => ({
        users: list,
        shape,
        dtype,
        read: () => storage.load(key),
      }));
    },
    get bytes() {
      return bytes;
    },
    get peakBytes() {
      return peakBytes;
    },
  };
}
