import { checkRange, type ReadableSink } from '@tamp/core';

/** A sink whose bytes are a Blob once it is finished. */
export interface BlobSink extends ReadableSink {
  /** What was written. Only after `finish`. */
  blob(): Promise<Blob>;
  /** Forgets what was written, finished or not. Never rejects. */
  discard(): Promise<void>;
}

/** Bytes that are gathered before they become a Blob. */
const pieceBytes = 4 * 2 ** 20;

/** A sink that keeps its bytes in Blobs, which browsers hold beside the page's own memory. */
export function blobSink(label: string): BlobSink {
  const pieces: Blob[] = [];
  let gathered: Uint8Array<ArrayBuffer>[] = [];
  let gatheredBytes = 0;
  // A Blob of Blobs refers to them: nothing is copied, nor held twice.
  const whole = (): Blob => new Blob([...pieces, ...gathered], { type: 'application/zip' });
  const discard = async (): Promise<void> => {
    pieces.length = 0;
    gathered = [];
  };
  return {
    async write(bytes) {
      gathered.push(bytes.slice());
      gatheredBytes += bytes.byteLength;
      if (gatheredBytes < pieceBytes) return;
      pieces.push(new Blob(gathered));
      gathered = [];
      gatheredBytes = 0;
    },
    async read(start, end) {
      const blob = whole();
      checkRange({ label, byteLength: blob.size }, start, end);
      return new Uint8Array(await blob.slice(start, end).arrayBuffer());
    },
    async finish() {},
    abort: discard,
    discard,
    blob: async () => whole(),
  };
}
