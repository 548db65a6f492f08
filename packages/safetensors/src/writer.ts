import { type ByteSink, type ByteSource, fillSink, TampError } from '@tamp/core';
import { alignmentRank, isSafetensorsDtype, type SafetensorsDtype, tensorByteLength } from './dtype.js';
import { defaultMaxHeaderBytes, lengthBytes, metadataKey } from './header.js';

/** A tensor to be written. */
export interface SafetensorsEntry {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /**
   * Gives its bytes, little-endian, in chunks of any size. It is called once, when its turn comes, so a model
   * need never be whole in memory.
   */
  data(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** Options of {@link writeSafetensors}. */
export interface WriteOptions {
  /** The file's `__metadata__`, such as `{ format: 'pt' }`. Without it the file has none. */
  readonly metadata?: Readonly<Record<string, string>> | ReadonlyMap<string, string>;
  /**
   * The order of the tensors in the file. `alignment`, the default, is the reference implementation's: the
   * widest dtypes first, so that all data is aligned, then by name. `given` keeps the order of the entries.
   */
  readonly order?: 'alignment' | 'given';
}

/** An entry whose form was checked, and its size. */
export interface SizedEntry {
  readonly entry: SafetensorsEntry;
  readonly byteLength: number;
}

const loneSurrogate = /\p{Surrogate}/u;

function usage(problem: string, remedy: string, name?: string): TampError {
  return new TampError(problem, { code: 'usage', at: name === undefined ? {} : { layer: name }, remedy });
}

/** Checks names, dtypes and shapes, before anything is written. */
export function sizeEntries(entries: readonly SafetensorsEntry[]): SizedEntry[] {
  const names = new Set<string>();
  return entries.map((entry) => {
    const { name, dtype, shape } = entry;
    if (names.has(name)) throw usage('two tensors have this name', 'Give each its own name.', name);
    names.add(name);
    if (name === metadataKey || loneSurrogate.test(name)) {
      throw usage('no tensor may have this name', 'Choose another name.', name);
    }
    if (!isSafetensorsDtype(dtype)) {
      throw usage(
        `the dtype ${String(dtype)} is unknown`,
        'See safetensorsDtypes for those there are.',
        name,
      );
    }
    if (!shape.every((dimension) => Number.isSafeInteger(dimension) && dimension >= 0)) {
      throw usage(`the shape [${shape.join(', ')}] is invalid`, 'Give non-negative integers.', name);
    }
    const byteLength = tensorByteLength(dtype, shape);
    if (byteLength === 'overflow') {
      throw usage(`${dtype} of shape [${shape.join(', ')}] is too large`, 'Check the shape.', name);
    }
    if (byteLength === 'partial byte') {
      throw usage(
        `${dtype} of shape [${shape.join(', ')}] does not fill its last byte`,
        'Pad the tensor to whole bytes.',
        name,
      );
    }
    return { entry, byteLength };
  });
}

/** Compares by code points, which is the order of the bytes in UTF-8 and so the reference's. */
export function compareNames(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left === right) continue;
    // Units of surrogate pairs stand for code points above all others.
    const isLeftPair = left >= 0xd800 && left <= 0xdfff;
    const isRightPair = right >= 0xd800 && right <= 0xdfff;
    return isLeftPair === isRightPair ? left - right : Number(isLeftPair) - Number(isRightPair);
  }
  return a.length - b.length;
}

function compareAlignment(a: SizedEntry, b: SizedEntry): number {
  const byAlignment = alignmentRank(b.entry.dtype) - alignmentRank(a.entry.dtype);
  return byAlignment || compareNames(a.entry.name, b.entry.name);
}

function checkedMetadata(metadata: WriteOptions['metadata']): [string, string][] | undefined {
  if (metadata === undefined) return undefined;
  const pairs = metadata instanceof Map ? [...metadata] : Object.entries(metadata);
  for (const [key, value] of pairs) {
    if (typeof value !== 'string' || loneSurrogate.test(value) || loneSurrogate.test(key)) {
      throw usage(`the metadata ${JSON.stringify(key)} is not a valid string`, 'Give strings only.');
    }
  }
  return pairs;
}

/**
 * An object as compact JSON with its members in the given order. Built from text, because objects move
 * number-like keys to the front and lose `__proto__`.
 */
function objectText(members: readonly (readonly [key: string, valueText: string])[]): string {
  return `{${members.map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(',')}}`;
}

/** A file ready to be written: its first bytes, and its entries in their order. */
export interface FilePlan {
  /** The length and the header. */
  readonly head: Uint8Array;
  readonly entries: readonly SizedEntry[];
}

/** Orders the entries and lays out the header, padded with spaces to a multiple of 8 bytes. */
export function planFile(sized: readonly SizedEntry[], options: WriteOptions): FilePlan {
  const entries = options.order === 'given' ? [...sized] : [...sized].sort(compareAlignment);
  const members: [string, string][] = [];
  const metadata = checkedMetadata(options.metadata);
  if (metadata !== undefined) {
    members.push([metadataKey, objectText(metadata.map(([key, value]) => [key, JSON.stringify(value)]))]);
  }
  let offset = 0;
  for (const { entry, byteLength } of entries) {
    const { name, dtype, shape } = entry;
    members.push([name, JSON.stringify({ dtype, shape, data_offsets: [offset, offset + byteLength] })]);
    offset += byteLength;
  }
  const json = new TextEncoder().encode(objectText(members));
  const headerLength = Math.ceil(json.byteLength / 8) * 8;
  if (headerLength > defaultMaxHeaderBytes) {
    throw usage(
      `the header would have ${headerLength} bytes, more than readers accept`,
      'Write fewer tensors to a file, or less metadata.',
    );
  }
  const head = new Uint8Array(lengthBytes + headerLength).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(headerLength), true);
  head.set(json, lengthBytes);
  return { head, entries };
}

/** Writes a planned file to a sink without finishing it. */
export async function fillFile(sink: ByteSink, plan: FilePlan): Promise<void> {
  await sink.write(plan.head);
  for (const { entry, byteLength } of plan.entries) {
    let written = 0;
    for await (const chunk of entry.data()) {
      written += chunk.byteLength;
      if (written > byteLength) break;
      await sink.write(chunk);
    }
    if (written !== byteLength) {
      throw usage(
        `its data has ${written > byteLength ? 'more than' : `${written} of`} ${byteLength} bytes`,
        'Give the bytes that its dtype and shape take.',
        entry.name,
      );
    }
  }
}

/**
 * Writes a safetensors file as a stream: the header first, then each tensor's chunks as they come. The sink is
 * finished, or aborted when anything fails. Resolves to the size of the file in bytes.
 *
 * Rejects with a `TampError`: `usage` when entries or metadata are wrong (before anything is written) or data has
 * not the size that its dtype and shape take, `io` when the sink cannot be written to. Source of the layout:
 * the format's description and `serialize` in safetensors' `tensor.rs`.
 */
export async function writeSafetensors(
  sink: ByteSink,
  entries: readonly SafetensorsEntry[],
  options: WriteOptions = {},
): Promise<number> {
  let byteLength = 0;
  await fillSink(sink, async () => {
    const plan = planFile(sizeEntries(entries), options);
    byteLength = plan.entries.reduce((sum, sized) => sum + sized.byteLength, plan.head.byteLength);
    await fillFile(sink, plan);
  });
  return byteLength;
}

/** The bytes of a source in chunks of at most `chunkBytes`, one read at a time: the data of an entry. */
export async function* chunksOf(
  source: ByteSource,
  chunkBytes: number = 8 * 2 ** 20,
): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < source.byteLength; start += chunkBytes) {
    yield await source.read(start, Math.min(start + chunkBytes, source.byteLength));
  }
}
