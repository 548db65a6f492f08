import { unpackDense } from '../../packing/dense.js';

/** The signed levels of rows `first` to `first + count` of a densely packed weight (`PlainQuantizedWeight.words`). */
export function unpackLevels(
  words: Int32Array,
  weight: { readonly bits: number; readonly rows: number; readonly columns: number },
  first = 0,
  count: number = weight.rows,
): Int8Array | Int16Array {
  const perRow = words.length / weight.rows;
  const part = new Uint32Array(words.buffer, words.byteOffset + first * perRow * 4, count * perRow);
  return unpackDense(part, weight.bits, count, weight.columns);
}
