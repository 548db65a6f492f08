/**
 * The signed levels of one row of a densely packed weight (`PlainQuantizedWeight.words`).
 * `wordsPerRow` 32-bit words per row; `out` has one element per column.
 */
export function unpackRow(
  words: Int32Array,
  wordsPerRow: number,
  row: number,
  bits: number,
  out: Int32Array,
): void {
  const mask = 2 ** bits - 1;
  const offset = 2 ** (bits - 1);
  const start = row * wordsPerRow;
  for (let column = 0; column < out.length; column++) {
    const bit = column * bits;
    const at = start + (bit >>> 5);
    const shift = bit & 31;
    let value = words[at] >>> shift;
    if (shift + bits > 32) value |= words[at + 1] << (32 - shift);
    out[column] = (value & mask) - offset;
  }
}
