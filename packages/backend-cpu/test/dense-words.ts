/** Signed levels [rows, columns] as the plain words of a file: + 2^(bits−1), dense, rows filled up to whole words. */
export function denseWords(
  levels: ArrayLike<number>,
  rows: number,
  columns: number,
  bits: number,
): Int32Array {
  const wordsPerRow = Math.ceil((columns * bits) / 32);
  const words = new Int32Array(rows * wordsPerRow);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const level = (levels[row * columns + column] ?? 0) + 2 ** (bits - 1);
      for (let bit = 0; bit < bits; bit++) {
        const at = column * bits + bit;
        const word = row * wordsPerRow + Math.floor(at / 32);
        words[word] = (words[word] ?? 0) | (((level >> bit) & 1) << (at % 32));
      }
    }
  }
  return words;
}
