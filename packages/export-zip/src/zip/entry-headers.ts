/**
 * An entry as a ZIP's headers describe it. Every other field of the headers has one fixed value, so a header can be
 * checked byte for byte against the one that these fields give.
 */
export interface ZipEntry {
  readonly name: string;
  /** 0 stored, 8 DEFLATE. */
  readonly method: number;
  readonly crc: number;
  /** Bytes of the entry's data as they lie in the file. */
  readonly stored: number;
  /** Bytes of its contents. */
  readonly bytes: number;
  /** Where its local header starts. */
  readonly offset: number;
}

/** ZIP 2.0: DEFLATE and folders, nothing newer. */
const version = 20;
/** Bit 11: names are UTF-8. No encryption, no sizes after the data. */
const flags = 0x0800;
/** 1 January 1980, midnight: the same model gives the same file. */
const date = 0x0021;

const localSignature = 0x04034b50;
export const centralSignature = 0x02014b50;
const localHeaderBytes = 30;
export const centralHeaderBytes = 46;

const encoder = new TextEncoder();

function commonFields(view: DataView, at: number, entry: ZipEntry, nameBytes: number): void {
  view.setUint16(at, version, true);
  view.setUint16(at + 2, flags, true);
  view.setUint16(at + 4, entry.method, true);
  view.setUint16(at + 6, 0, true);
  view.setUint16(at + 8, date, true);
  view.setUint32(at + 10, entry.crc, true);
  view.setUint32(at + 14, entry.stored, true);
  view.setUint32(at + 18, entry.bytes, true);
  view.setUint16(at + 22, nameBytes, true);
}

/** The header in front of an entry's data, name included. */
export function localHeader(entry: ZipEntry): Uint8Array {
  const name = encoder.encode(entry.name);
  const header = new Uint8Array(localHeaderBytes + name.length);
  const view = new DataView(header.buffer);
  view.setUint32(0, localSignature, true);
  commonFields(view, 4, entry, name.length);
  header.set(name, localHeaderBytes);
  return header;
}

/** The entry's record in the central directory, name included. */
export function centralHeader(entry: ZipEntry): Uint8Array {
  const name = encoder.encode(entry.name);
  const header = new Uint8Array(centralHeaderBytes + name.length);
  const view = new DataView(header.buffer);
  view.setUint32(0, centralSignature, true);
  view.setUint16(4, version, true);
  commonFields(view, 6, entry, name.length);
  view.setUint32(42, entry.offset, true);
  header.set(name, centralHeaderBytes);
  return header;
}

/** Bytes of the local header, the name and the data. */
export function localBytes(entry: ZipEntry): number {
  return localHeaderBytes + encoder.encode(entry.name).length + entry.stored;
}

/** Whether two byte strings are the same. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
