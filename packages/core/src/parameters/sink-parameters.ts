import type { ReadableSink } from '../bytes/byte-sink.js';
import { type ByteSource, checkRange } from '../bytes/byte-source.js';
import { moveStorage, type ParameterStore } from './parameter-store.js';

/** Bytes copied at a time. */
const pieceBytes = 8 * 2 ** 20;

/** Keeps parameters in a sink, one after the other, and reads them from it; closing the store aborts the sink. */
export function parametersIn(sink: ReadableSink): ParameterStore {
  let length = 0;
  // A parameter's pieces lie together also when several are put at once.
  let last: Promise<unknown> = Promise.resolve();

  const append = async (source: ByteSource): Promise<ByteSource> => {
    const start = length;
    for (let from = 0; from < source.byteLength; from += pieceBytes) {
      const piece = await source.read(from, Math.min(source.byteLength, from + pieceBytes));
      await sink.write(piece);
      length += piece.byteLength;
    }
    const { label, byteLength } = source;
    return {
      label,
      byteLength,
      async read(from, to) {
        checkRange({ label, byteLength }, from, to);
        return sink.read(start + from, start + to);
      },
    };
  };

  const move = (source: ByteSource): Promise<ByteSource> => {
    const moved = last.then(() => append(source));
    last = moved.catch(() => undefined);
    return moved;
  };

  return {
    async put(parameter) {
      return { ...parameter, storage: await moveStorage(parameter.storage, move) };
    },
    close: () => sink.abort(),
  };
}
