import { type ByteSource, TampError } from '@tamp/core';
import { isSafetensorsDtype, type SafetensorsDtype, safetensorsDtypes, tensorByteLength } from './dtype.js';
import { decodeUtf8, JsonCursor, quoted } from './json-cursor.js';

/** What a file says about one tensor. */
export interface SafetensorsInfo {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  /** Dimensions, outermost first; empty for a scalar. */
  readonly shape: readonly number[];
  /** Where its bytes are in the file: the first, and the one after the last. */
  readonly byteRange: readonly [start: number, end: number];
}

/** A checked header. */
export interface SafetensorsHeader {
  /** The file's `__metadata__`, empty when it has none. */
  readonly metadata: ReadonlyMap<string, string>;
  /** By name, in the order of their bytes. */
  readonly tensors: ReadonlyMap<string, SafetensorsInfo>;
}

/** The name under which a header keeps its metadata; no tensor may be called so. */
export const metadataKey = '__metadata__';

/** Bytes before the header: its length as a little-endian 64-bit integer. */
export const lengthBytes = 8;

/** Headers above this size are refused, by the reference implementation as well. */
export const defaultMaxHeaderBytes = 100_000_000;

/**
 * Keys in a header, tensors and metadata together, above which it is refused: names cost more memory than text.
 * The largest checkpoints have some 200,000 tensors over all their shards.
 */
export const defaultMaxHeaderKeys = 200_000;

/** More dimensions than any framework has. */
const maxRank = 64;

const damaged = 'The file is damaged: fetch or write it again.';
const writerAtFault = 'Write the file again with a conforming safetensors writer.';

interface Entry {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /** Offsets from the end of the header. */
  readonly begin: number;
  readonly end: number;
}

function wholeNumber(cursor: JsonCursor, what: string, tensor: string): number {
  if (cursor.peek() !== 'other') throw cursor.error(`${what} is not a number`, writerAtFault, tensor);
  const token = cursor.number();
  const shown = token.length > 40 ? `${token.slice(0, 40)}…` : token;
  if (token.startsWith('-')) throw cursor.error(`${what} is negative: ${shown}`, writerAtFault, tensor);
  if (!/^\d+$/.test(token)) {
    throw cursor.error(`${what} is not a whole number: ${shown}`, writerAtFault, tensor);
  }
  const value = Number(token);
  if (!Number.isSafeInteger(value)) {
    throw cursor.error(`${what} is too large: ${shown}`, damaged, tensor);
  }
  return value;
}

function readShape(cursor: JsonCursor, tensor: string): number[] {
  if (cursor.peek() !== 'array') throw cursor.error('its shape is not a list', writerAtFault, tensor);
  const shape: number[] = [];
  cursor.array(() => {
    if (shape.length === maxRank) {
      throw cursor.error(`it has more than ${maxRank} dimensions`, damaged, tensor);
    }
    shape.push(wholeNumber(cursor, `dimension ${shape.length} of its shape`, tensor));
  });
  return shape;
}

function readOffsets(cursor: JsonCursor, tensor: string): readonly [number, number] {
  const form = 'its data_offsets are not a list of two numbers';
  if (cursor.peek() !== 'array') throw cursor.error(form, writerAtFault, tensor);
  const offsets: number[] = [];
  cursor.array(() => {
    if (offsets.length === 2) throw cursor.error(form, writerAtFault, tensor);
    offsets.push(wholeNumber(cursor, offsets.length === 0 ? 'its begin offset' : 'its end offset', tensor));
  });
  const [begin, end] = offsets;
  if (begin === undefined || end === undefined) throw cursor.error(form, writerAtFault, tensor);
  if (begin > end) throw cursor.error(`it begins at ${begin}, after its end at ${end}`, damaged, tensor);
  return [begin, end];
}

function readDtype(cursor: JsonCursor, tensor: string): SafetensorsDtype {
  if (cursor.peek() !== 'string') throw cursor.error('its dtype is not a string', writerAtFault, tensor);
  const dtype = cursor.string();
  if (!isSafetensorsDtype(dtype)) {
    throw cursor.error(
      `it has the unknown dtype ${quoted(dtype)}`,
      `Convert it to one of ${safetensorsDtypes.join(', ')}.`,
      tensor,
    );
  }
  return dtype;
}

function readEntry(cursor: JsonCursor, name: string): Entry {
  if (cursor.peek() !== 'object') throw cursor.error('its entry is not an object', writerAtFault, name);
  let dtype: SafetensorsDtype | undefined;
  let shape: readonly number[] | undefined;
  let offsets: readonly [number, number] | undefined;
  const once = (key: string, value: unknown): void => {
    if (value !== undefined) throw cursor.error(`its entry has ${key} twice`, writerAtFault, name);
  };
  cursor.object((key) => {
    if (key === 'dtype') {
      once(key, dtype);
      dtype = readDtype(cursor, name);
    } else if (key === 'shape') {
      once(key, shape);
      shape = readShape(cursor, name);
    } else if (key === 'data_offsets') {
      once(key, offsets);
      offsets = readOffsets(cursor, name);
    } else {
      // The reference implementation passes over keys that it does not know.
      cursor.skip();
    }
  });
  const missing = (key: string): TampError => cursor.error(`its entry lacks ${key}`, writerAtFault, name);
  if (dtype === undefined) throw missing('dtype');
  if (shape === undefined) throw missing('shape');
  if (offsets === undefined) throw missing('data_offsets');
  const [begin, end] = offsets;
  checkSize(cursor, { name, dtype, shape, begin, end });
  return { name, dtype, shape, begin, end };
}

function checkSize(cursor: JsonCursor, { name, dtype, shape, begin, end }: Entry): void {
  const form = `${dtype} of shape [${shape.join(', ')}]`;
  const size = tensorByteLength(dtype, shape);
  if (size === 'overflow') throw cursor.error(`${form} is too large`, damaged, name);
  if (size === 'partial byte') {
    throw cursor.error(`${form} does not fill its last byte`, 'Pad the tensor to whole bytes.', name);
  }
  if (size !== end - begin) {
    throw cursor.error(`${form} takes ${size} bytes, but its offsets span ${end - begin}`, damaged, name);
  }
}

function readMetadata(cursor: JsonCursor, countKey: () => void): Map<string, string> {
  const form = `${metadataKey} does not map strings to strings`;
  if (cursor.peek() !== 'object') throw cursor.error(form, writerAtFault);
  const metadata = new Map<string, string>();
  cursor.object((key) => {
    countKey();
    if (metadata.has(key)) {
      throw cursor.error(`${metadataKey} has the key ${quoted(key)} twice`, writerAtFault);
    }
    if (cursor.peek() !== 'string') {
      throw cursor.error(`${form}: the value of ${quoted(key)} is not a string`, writerAtFault);
    }
    metadata.set(key, cursor.string());
  });
  return metadata;
}

/** Checks that tensors, sorted by their offsets, cover the data exactly. */
function checkLayout(cursor: JsonCursor, sorted: readonly Entry[], dataByteLength: number): void {
  const outside = sorted.find((entry) => entry.end > dataByteLength);
  let previous: Entry | undefined;
  for (const entry of sorted) {
    const covered = previous?.end ?? 0;
    if (entry.begin !== covered && outside !== undefined) {
      throw cursor.error(
        `its offsets ${outside.begin} to ${outside.end} lie outside the ${dataByteLength} bytes of data`,
        damaged,
        outside.name,
      );
    }
    if (entry.begin < covered) {
      throw cursor.error(
        `it begins at offset ${entry.begin}, inside the bytes of ${quoted(previous?.name ?? '')}, which end at ${covered}`,
        writerAtFault,
        entry.name,
      );
    }
    if (entry.begin > covered) {
      throw cursor.error(
        `the bytes before it, from offset ${covered} to ${entry.begin}, belong to no tensor`,
        writerAtFault,
        entry.name,
      );
    }
    previous = entry;
  }
  // From here on the tensors follow each other without a gap.
  if (outside !== undefined) {
    throw cursor.error(
      `the file is truncated: the tensor ends at offset ${outside.end}, but only ${dataByteLength} bytes of data are there`,
      'Fetch or write the file again.',
      outside.name,
    );
  }
  const end = previous?.end ?? 0;
  if (end < dataByteLength) {
    throw cursor.error(
      `${dataByteLength - end} bytes after the last tensor belong to none`,
      writerAtFault,
      previous?.name,
    );
  }
}

/**
 * Parses and checks the header of a safetensors file: the JSON without the length before it. `dataByteLength`
 * is the number of bytes that follow it in the file. Nothing about the input is trusted.
 *
 * Throws a `TampError` (`format`) that names the file (`label`), the tensor and the remedy when: the text is not
 * UTF-8 or not a JSON object, it has more than `maxHeaderKeys` tensors and keys of metadata together, a name is there twice (also inside an entry), an entry lacks a part or has one of a
 * wrong kind, a dtype is unknown, a dimension or offset is negative, fractional or too large, sizes and offsets
 * disagree, tensors overlap, leave holes, or do not end where the file ends.
 */
export function parseSafetensorsHeader(
  header: Uint8Array,
  dataByteLength: number,
  label = 'safetensors',
  maxHeaderKeys: number = defaultMaxHeaderKeys,
): SafetensorsHeader {
  const cursor = new JsonCursor(decodeUtf8(header, label, 'the header'), label, 'the header');
  if (header[0] !== 0x7b) throw cursor.error('the header does not begin with "{"', damaged);

  let keys = 0;
  const countKey = (): void => {
    keys++;
    if (keys > maxHeaderKeys) {
      throw cursor.error(
        `the header has more than ${maxHeaderKeys} keys`,
        'It is damaged or hostile; if you trust it, raise maxHeaderKeys.',
      );
    }
  };
  let metadata: Map<string, string> | undefined;
  const entries = new Map<string, Entry>();
  cursor.object((name) => {
    countKey();
    if (name === metadataKey) {
      if (metadata !== undefined) throw cursor.error(`the header has ${metadataKey} twice`, writerAtFault);
      metadata = readMetadata(cursor, countKey);
      return;
    }
    if (entries.has(name)) throw cursor.error('the header has this tensor twice', writerAtFault, name);
    entries.set(name, readEntry(cursor, name));
  });
  cursor.end();

  const sorted = [...entries.values()].sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkLayout(cursor, sorted, dataByteLength);
  const dataStart = lengthBytes + header.byteLength;
  const tensors = new Map<string, SafetensorsInfo>();
  for (const { name, dtype, shape, begin, end } of sorted) {
    tensors.set(name, { name, dtype, shape, byteRange: [dataStart + begin, dataStart + end] });
  }
  return { metadata: metadata ?? new Map<string, string>(), tensors };
}

/** Reads the header of a file and nothing else. */
export async function readHeader(
  source: ByteSource,
  maxHeaderBytes: number,
  maxHeaderKeys: number,
): Promise<SafetensorsHeader> {
  const { label, byteLength } = source;
  const refuse = (problem: string, remedy: string): TampError =>
    new TampError(problem, { code: 'format', at: { file: label }, remedy });

  if (byteLength < lengthBytes) {
    throw refuse(`it has ${byteLength} bytes, too few for a safetensors file`, 'Fetch or write it again.');
  }
  const first = await source.read(0, lengthBytes);
  const length = new DataView(first.buffer, first.byteOffset, lengthBytes).getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes)) {
    throw refuse(
      `its header claims ${length} bytes, more than the ${maxHeaderBytes} allowed`,
      'It is damaged or no safetensors file: check what it is.',
    );
  }
  const headerEnd = lengthBytes + Number(length);
  if (headerEnd > byteLength) {
    throw refuse(
      `the file is truncated: its header claims ${length} bytes, but ${byteLength - lengthBytes} are there`,
      'Fetch or write it again.',
    );
  }
  const header = await source.read(lengthBytes, headerEnd);
  return parseSafetensorsHeader(header, byteLength - headerEnd, label, maxHeaderKeys);
}
