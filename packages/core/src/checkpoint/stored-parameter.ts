import type { ByteSource } from '../bytes/byte-source.js';
import { TampError } from '../errors/tamp-error.js';
import type { DenseStorage, Parameter, ParameterStorage } from '../parameters/parameter.js';
import type { StoredRange } from './stored-range.js';

/** A storage whose byte sources are ranges of files. */
export type StoredStorage = Replaced<ParameterStorage>;

/** T with every byte source replaced by the range of a file that holds its bytes. */
type Replaced<T> = T extends ByteSource
  ? StoredRange
  : T extends object
    ? { readonly [K in keyof T]: Replaced<T[K]> }
    : T;

/** A parameter as a checkpoint describes it. */
export interface StoredParameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly storage: StoredStorage;
}

/** Writes bytes somewhere and says where. */
type Write = (source: ByteSource) => Promise<StoredRange>;
/** The bytes of a range, read when needed. */
type Open = (range: StoredRange) => ByteSource;

async function storeDense(
  { kind, dtype, bytes }: DenseStorage,
  write: Write,
): Promise<Replaced<DenseStorage>> {
  return { kind, dtype, bytes: await write(bytes) };
}

/** Writes a parameter's bytes and describes it. */
export async function storeParameter(
  { name, shape, storage }: Parameter,
  write: Write,
): Promise<StoredParameter> {
  switch (storage.kind) {
    case 'dense':
      return { name, shape, storage: await storeDense(storage, write) };
    case 'affine': {
      const { kind, scheme, zeroPoints } = storage;
      const levels = await write(storage.levels);
      const scales = await storeDense(storage.scales, write);
      if (zeroPoints === undefined) return { name, shape, storage: { kind, scheme, levels, scales } };
      return { name, shape, storage: { kind, scheme, levels, scales, zeroPoints: await write(zeroPoints) } };
    }
    case 'mixed-bits': {
      const { codes, levels, ...rest } = storage;
      return { name, shape, storage: { ...rest, codes: await write(codes), levels: await write(levels) } };
    }
  }
}

function openDense({ kind, dtype, bytes }: Replaced<DenseStorage>, open: Open): DenseStorage {
  return { kind, dtype, bytes: open(bytes) };
}

/** The parameter of a description; its bytes are read when needed. */
export function openParameter({ name, shape, storage }: StoredParameter, open: Open): Parameter {
  switch (storage.kind) {
    case 'dense':
      return { name, shape, storage: openDense(storage, open) };
    case 'affine': {
      const { kind, scheme, zeroPoints } = storage;
      const opened = { kind, scheme, levels: open(storage.levels), scales: openDense(storage.scales, open) };
      return {
        name,
        shape,
        storage: zeroPoints === undefined ? opened : { ...opened, zeroPoints: open(zeroPoints) },
      };
    }
    case 'mixed-bits': {
      const { codes, levels, ...rest } = storage;
      return { name, shape, storage: { ...rest, codes: open(codes), levels: open(levels) } };
    }
    default:
      throw new TampError(`the checkpoint stores ${name} in an unknown way`, { code: 'format' });
  }
}
