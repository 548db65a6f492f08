import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { type Crc32, crc32 } from '../checksum/crc32.js';
import type { ArchiveTools } from '../write/archive-options.js';

const deflateRaw = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.deflateRaw);

/** Absent before Node 20.15. */
const nativeCrc32: Crc32 | undefined = zlib.crc32;

/** What Node computes natively, DEFLATE on the threads of its pool. */
export const nativeTools: ArchiveTools = {
  crc32: nativeCrc32 ?? crc32,
  // Byte planes of weights have skewed counts and no repetitions: looking for matches takes six times as long and
  // saves nothing more than Huffman codes alone.
  deflateNumbers: (bytes) => deflateRaw(bytes, { strategy: zlib.constants.Z_HUFFMAN_ONLY, memLevel: 9 }),
};
