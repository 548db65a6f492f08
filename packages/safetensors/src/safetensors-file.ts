import { type ByteSource, sliceOf, TampError } from '@tamp/core';
import { defaultMaxHeaderBytes, defaultMaxHeaderKeys, readHeader, type SafetensorsHeader } from './header.js';

/** Limits on what is read from an untrusted file. */
export interface OpenOptions {
  /** The largest header that is read, in bytes. Default 100,000,000, as in the reference implementation. */
  readonly maxHeaderBytes?: number;
  /** The most tensors and keys of metadata together that a file may have. Default 200,000. */
  readonly maxHeaderKeys?: number;
}

/** An open safetensors file, of which only the header was read. */
export interface SafetensorsFile extends SafetensorsHeader {
  /** The source's label. */
  readonly label: string;
  /**
   * A tensor's bytes, read when asked for. Throws a `TampError` (`usage`) when the file has no such tensor.
   */
  tensor(name: string): ByteSource;
}

/** The error for a tensor that a file or checkpoint does not have. */
export function noSuchTensor(name: string, label: string, count: number): TampError {
  return new TampError(`holds no tensor of this name among its ${count}`, {
    code: 'usage',
    at: { file: label, layer: name },
    remedy: 'Check the name against the keys of `tensors`.',
  });
}

/**
 * Opens a safetensors file by reading its header, twice at most. Rejects with a `TampError` (`format`) as
 * {@link parseSafetensorsHeader} says, or with the source's error.
 */
export async function openSafetensors(
  source: ByteSource,
  options: OpenOptions = {},
): Promise<SafetensorsFile> {
  const { label } = source;
  const { metadata, tensors } = await readHeader(
    source,
    options.maxHeaderBytes ?? defaultMaxHeaderBytes,
    options.maxHeaderKeys ?? defaultMaxHeaderKeys,
  );
  return {
    label,
    metadata,
    tensors,
    tensor(name) {
      const info = tensors.get(name);
      if (info === undefined) throw noSuchTensor(name, label, tensors.size);
      return sliceOf(source, info.byteRange[0], info.byteRange[1], `${label}#${name}`);
    },
  };
}
