import type { ByteSource } from '../bytes/byte-source.js';
import type { DenseStorage, Parameter, ParameterStorage } from './parameter.js';

/** Takes parameters out of memory, so that a model is compressed that is larger than it. */
export interface ParameterSink {
  /**
   * Writes a parameter's bytes and gives the parameter as it reads from there. Rejects with a `TampError` (`io`) when
   * they cannot be written.
   */
  put(parameter: Parameter): Promise<Parameter>;
}

/** A place of its own for parameters. */
export interface ParameterStore extends ParameterSink {
  /** Forgets everything; what was put can no longer be read. */
  close(): Promise<void>;
}

async function moveDense(
  { kind, dtype, bytes }: DenseStorage,
  move: (source: ByteSource) => Promise<ByteSource>,
): Promise<DenseStorage> {
  return { kind, dtype, bytes: await move(bytes) };
}

/** The same storage with each of its sources replaced, one after the other. */
export async function moveStorage(
  storage: ParameterStorage,
  move: (source: ByteSource) => Promise<ByteSource>,
): Promise<ParameterStorage> {
  switch (storage.kind) {
    case 'dense':
      return moveDense(storage, move);
    case 'affine': {
      const { zeroPoints } = storage;
      const levels = await move(storage.levels);
      const moved = { ...storage, levels, scales: await moveDense(storage.scales, move) };
      return zeroPoints === undefined ? moved : { ...moved, zeroPoints: await move(zeroPoints) };
    }
    case 'mixed-bits':
      return { ...storage, codes: await move(storage.codes), levels: await move(storage.levels) };
  }
}
