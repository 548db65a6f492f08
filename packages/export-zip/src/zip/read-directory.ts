import { type ByteSource, TampError } from '@tamp/core';
import { damagedRemedy } from '../archive-format.js';
import { assetPathProblem } from '../asset-path.js';
import { type EndRecord, endRecord, endRecordBytes, endSignature, maxCommentBytes } from './end-record.js';
import {
  centralHeader,
  centralHeaderBytes,
  centralSignature,
  localBytes,
  sameBytes,
  type ZipEntry,
} from './entry-headers.js';

/** A part's central directory. */
export interface ZipDirectory {
  /** In the order of their data in the file. */
  readonly entries: readonly ZipEntry[];
  /** The directory as it lies in the file. */
  readonly bytes: Uint8Array;
  readonly comment: string;
}

/** Read at once from the end of a part: the directory, and often the manifest, lie within. */
const tailBytes = 64 * 2 ** 10;
/** 65,535 entries of short names. */
const maxDirectoryBytes = 16 * 2 ** 20;
/** A byte of DEFLATE data yields at most 1032 bytes. */
const maxExpansion = 1032;

function refuse(file: string, problem: string, remedy: string = damagedRemedy): never {
  throw new TampError(problem, { code: 'format', at: { file }, remedy });
}

/** A source whose last bytes are in memory. */
function withTail(source: ByteSource, start: number, tail: Uint8Array): ByteSource {
  return {
    label: source.label,
    byteLength: source.byteLength,
    async read(from, to) {
      if (from < start || to > source.byteLength) return source.read(from, to);
      return tail.subarray(from - start, to - start);
    },
  };
}

/** Reads the end of a part, so that what follows finds it in memory. */
export async function readTail(source: ByteSource): Promise<ByteSource> {
  const start = Math.max(0, source.byteLength - tailBytes);
  return withTail(source, start, await source.read(start, source.byteLength));
}

async function readEndRecord(part: ByteSource): Promise<EndRecord> {
  const file = part.label;
  const start = Math.max(0, part.byteLength - endRecordBytes - maxCommentBytes);
  const tail = await part.read(start, part.byteLength);
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  for (let at = tail.length - endRecordBytes; at >= 0; at--) {
    if (view.getUint32(at, true) !== endSignature) continue;
    if (at + endRecordBytes + view.getUint16(at + 20, true) !== tail.length) continue;
    const record: EndRecord = {
      entries: view.getUint16(at + 10, true),
      directoryBytes: view.getUint32(at + 12, true),
      directoryStart: view.getUint32(at + 16, true),
      comment: new TextDecoder().decode(tail.subarray(at + endRecordBytes)),
    };
    if (record.entries === 0xffff || record.directoryStart === 0xffffffff) {
      refuse(
        file,
        'uses ZIP64, which tamp archives do not',
        'Open the file that tamp wrote, not a repacked one.',
      );
    }
    if (!sameBytes(endRecord(record), tail.subarray(at))) refuse(file, 'the end of the archive is damaged');
    if (record.directoryStart + record.directoryBytes !== start + at) {
      refuse(file, 'the central directory does not end where the archive ends');
    }
    if (record.directoryBytes > maxDirectoryBytes) {
      refuse(file, `the central directory of ${record.directoryBytes} bytes is too large`);
    }
    return record;
  }
  return refuse(file, 'is not a tamp archive, is cut short or has something behind its end');
}

function parseEntry(file: string, directory: Uint8Array, at: number): ZipEntry {
  const view = new DataView(directory.buffer, directory.byteOffset + at, directory.byteLength - at);
  if (view.byteLength < centralHeaderBytes || view.getUint32(0, true) !== centralSignature) {
    refuse(file, 'the central directory is damaged');
  }
  const nameBytes = view.getUint16(28, true);
  if (centralHeaderBytes + nameBytes > view.byteLength) refuse(file, 'the central directory is damaged');
  const nameStart = at + centralHeaderBytes;
  let name: string;
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    name = decoder.decode(directory.subarray(nameStart, nameStart + nameBytes));
  } catch {
    return refuse(file, 'the name of an entry is not UTF-8');
  }
  const problem = assetPathProblem(name);
  if (problem !== undefined) refuse(file, `the entry name ${JSON.stringify(name.slice(0, 80))} ${problem}`);
  const entry: ZipEntry = {
    name,
    method: view.getUint16(10, true),
    crc: view.getUint32(16, true),
    stored: view.getUint32(20, true),
    bytes: view.getUint32(24, true),
    offset: view.getUint32(42, true),
  };
  if ((view.getUint16(8, true) & 0x2041) !== 0) refuse(file, `the entry ${name} is encrypted`);
  if (entry.method !== 0 && entry.method !== 8) {
    refuse(
      file,
      `the entry ${name} is compressed by an unknown method ${entry.method}`,
      'Open the file that tamp wrote, not a repacked one.',
    );
  }
  const header = directory.subarray(at, nameStart + nameBytes);
  if (!sameBytes(centralHeader(entry), header)) {
    refuse(
      file,
      `the header of the entry ${name} is not as tamp writes it`,
      'Open the file that tamp wrote, not a repacked one; if it is that file, it is damaged.',
    );
  }
  const { method, stored, bytes } = entry;
  const fits = method === 0 ? stored === bytes : stored < bytes && bytes <= stored * maxExpansion;
  if (!fits) refuse(file, `the entry ${name} cannot hold ${entry.bytes} bytes in ${entry.stored}`);
  return entry;
}

/**
 * Reads a part's central directory. Names are checked to be unique and safe; entries lie one after the other from
 * the first byte to the directory, without gap or overlap; nothing follows the end. Throws a `TampError` (`format`).
 */
export async function readDirectory(part: ByteSource): Promise<ZipDirectory> {
  const file = part.label;
  const end = await readEndRecord(part);
  const bytes = await part.read(end.directoryStart, end.directoryStart + end.directoryBytes);
  const entries: ZipEntry[] = [];
  const names = new Set<string>();
  let at = 0;
  let offset = 0;
  for (let i = 0; i < end.entries; i++) {
    const entry = parseEntry(file, bytes, at);
    if (names.has(entry.name)) refuse(file, `the entry ${entry.name} is there twice`);
    names.add(entry.name);
    if (entry.offset !== offset) {
      const relation = entry.offset < offset ? 'overlaps' : 'does not follow';
      refuse(file, `the entry ${entry.name} ${relation} the one before it`);
    }
    offset += localBytes(entry);
    at += centralHeader(entry).length;
    entries.push(entry);
  }
  if (at !== bytes.length) refuse(file, 'the central directory holds more than its entries');
  if (offset !== end.directoryStart)
    refuse(file, 'the entries do not end where the central directory starts');
  return { entries, bytes, comment: end.comment };
}
