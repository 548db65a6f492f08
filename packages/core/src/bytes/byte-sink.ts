import { TampError } from '../errors/tamp-error.js';

/**
 * Where bytes are written one after the other: a file, memory, a download. Nothing is visible at the
 * destination until `finish`; call exactly one of `finish` and `abort`.
 */
export interface ByteSink {
  /**
   * Appends the bytes. They are taken when the promise resolves: the array may then be used again.
   * Rejects with a `TampError` (`io`) when they cannot be written.
   */
  write(bytes: Uint8Array): Promise<void>;
  /** Completes what was written and makes it visible. Rejects with a `TampError` (`io`) and leaves nothing. */
  finish(): Promise<void>;
  /** Drops what was written. Never rejects, so that it can be called while another error is on its way. */
  abort(): Promise<void>;
}

/** A sink that gives back what was written to it, for those that need it again before it is complete. */
export interface ReadableSink extends ByteSink {
  /**
   * The bytes `[start, end)` of what was written so far; only before `finish` and `abort`. Do not write to the result.
   * Rejects with a `TampError` (`io`; `format` for bytes that were not written).
   */
  read(start: number, end: number): Promise<Uint8Array>;
}

/** A sink that keeps its bytes in memory. */
export interface MemorySink extends ByteSink {
  /** What was written. Throws a `TampError` (`usage`) before `finish` and after `abort`. */
  bytes(): Uint8Array<ArrayBuffer>;
}

/** A sink that keeps copies of what is written in memory and joins them when it is finished. */
export function memorySink(label = 'memory'): MemorySink {
  let chunks: Uint8Array[] = [];
  let length = 0;
  let open = true;
  let joined: Uint8Array<ArrayBuffer> | undefined;

  function checkOpen(): void {
    if (open) return;
    throw new TampError('is finished or aborted', { code: 'usage', at: { file: label } });
  }

  return {
    async write(bytes) {
      checkOpen();
      chunks.push(bytes.slice());
      length += bytes.byteLength;
    },
    async finish() {
      checkOpen();
      const whole = new Uint8Array(length);
      let offset = 0;
      for (const chunk of chunks) {
        whole.set(chunk, offset);
        offset += chunk.byteLength;
      }
      chunks = [];
      open = false;
      joined = whole;
    },
    async abort() {
      if (open) chunks = [];
      open = false;
    },
    bytes() {
      if (joined === undefined) {
        throw new TampError('is not finished', { code: 'usage', at: { file: label } });
      }
      return joined;
    },
  };
}

/**
 * Runs `fill` on a sink, then finishes it; aborts it and passes the error on when `fill` fails.
 */
export async function fillSink<S extends ByteSink>(sink: S, fill: (sink: S) => Promise<void>): Promise<S> {
  try {
    await fill(sink);
  } catch (error) {
    await sink.abort();
    throw error;
  }
  await sink.finish();
  return sink;
}
