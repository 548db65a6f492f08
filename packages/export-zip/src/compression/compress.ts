import { deflateSync } from 'fflate';
import { splitPlanes } from './byte-planes.js';

/** Bytes per number of a stream; 1 for packed levels and files, which are no numbers of whole bytes. */
export type NumberWidth = 1 | 2 | 4;

/** DEFLATE without a header: fflate's, or one that the platform has. */
export type Deflate = (bytes: Uint8Array, level: 6 | 9) => Uint8Array | Promise<Uint8Array>;

/** How it is decided whether an entry is deflated. */
export interface CompressionPolicy {
  /** Never deflates. */
  readonly store: boolean;
  readonly level: 6 | 9;
  /** Judge by a sample of this many bytes first; absent: try the whole entry. */
  readonly sampleBytes?: number;
  /** Store unless at least this fraction of the bytes is saved. */
  readonly leastSaving: number;
  /** Default fflate's. */
  readonly deflate?: Deflate;
}

/** An entry's contents as they will lie in the archive. */
export interface CompressedEntry {
  /** What a ZIP reader gets back: the bytes, split into planes if `planes` is not 1. */
  readonly contents: Uint8Array;
  readonly planes: NumberWidth;
  /** ZIP method: 0 stored, 8 DEFLATE. */
  readonly method: 0 | 8;
  readonly data: Uint8Array;
}

interface Candidate {
  readonly planes: NumberWidth;
  readonly contents: Uint8Array;
  readonly data: Uint8Array;
}

async function deflated(
  bytes: Uint8Array,
  planes: NumberWidth,
  { level, deflate = (contents) => deflateSync(contents, { level }) }: CompressionPolicy,
): Promise<Candidate> {
  const contents = planes === 1 ? bytes : splitPlanes(bytes, planes);
  return { planes, contents, data: await deflate(contents, level) };
}

/** Plain and split bytes, whichever deflates to less. */
async function best(bytes: Uint8Array, width: NumberWidth, policy: CompressionPolicy): Promise<Candidate> {
  const plain = await deflated(bytes, 1, policy);
  if (width === 1) return plain;
  const split = await deflated(bytes, width, policy);
  return split.data.length < plain.data.length ? split : plain;
}

function pays(candidate: Candidate, leastSaving: number): boolean {
  const { data, contents } = candidate;
  return data.length < contents.length && data.length <= contents.length * (1 - leastSaving);
}

/** Deflates an entry where the policy says that it pays, with the byte-plane filter where that helps. */
export async function compress(
  bytes: Uint8Array,
  width: NumberWidth,
  policy: CompressionPolicy,
): Promise<CompressedEntry> {
  const stored: CompressedEntry = { contents: bytes, planes: 1, method: 0, data: bytes };
  if (policy.store) return stored;
  const { sampleBytes, leastSaving } = policy;
  let candidate: Candidate;
  if (sampleBytes === undefined || bytes.length <= sampleBytes) {
    candidate = await best(bytes, width, policy);
  } else {
    const start = Math.floor((bytes.length - sampleBytes) / 2 / width) * width;
    const sample = await best(bytes.subarray(start, start + sampleBytes), width, policy);
    if (!pays(sample, leastSaving)) return stored;
    candidate = await deflated(bytes, sample.planes, policy);
  }
  return pays(candidate, leastSaving) ? { ...candidate, method: 8 } : stored;
}
