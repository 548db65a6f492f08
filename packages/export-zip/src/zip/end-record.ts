import { formatVersion } from '../archive-format.js';

/** The end of the central directory record: where the directory lies, and the archive's comment. */
export interface EndRecord {
  readonly entries: number;
  readonly directoryBytes: number;
  readonly directoryStart: number;
  readonly comment: string;
}

export const endSignature = 0x06054b50;
export const endRecordBytes = 22;
/** Our comments are shorter. */
export const maxCommentBytes = 128;

/** The comment of the first part; `checksum` covers the manifest and this part's central directory. */
export function firstPartComment(checksum: string): string {
  return `tamp ${formatVersion} ${checksum}`;
}

/** The comment of the other parts. */
export function laterPartComment(part: number): string {
  return `tamp ${formatVersion} part ${part}`;
}

/** The record as bytes. */
export function endRecord(record: EndRecord): Uint8Array {
  const comment = new TextEncoder().encode(record.comment);
  const bytes = new Uint8Array(endRecordBytes + comment.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, endSignature, true);
  view.setUint16(8, record.entries, true);
  view.setUint16(10, record.entries, true);
  view.setUint32(12, record.directoryBytes, true);
  view.setUint32(16, record.directoryStart, true);
  view.setUint16(20, comment.length, true);
  bytes.set(comment, endRecordBytes);
  return bytes;
}
