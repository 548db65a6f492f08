import { TampError } from '../errors/tamp-error.js';
import { type ByteSource, checkRange } from './byte-source.js';

/** A Blob or File as a byte source. */
export function blobSource(
  blob: Blob,
  label: string = 'name' in blob ? String(blob.name) : 'blob',
): ByteSource {
  return {
    label,
    byteLength: blob.size,
    async read(start, end) {
      checkRange(this, start, end);
      try {
        return new Uint8Array(await blob.slice(start, end).arrayBuffer());
      } catch (cause) {
        throw new TampError('cannot be read', { code: 'io', at: { file: label }, cause });
      }
    },
  };
}
