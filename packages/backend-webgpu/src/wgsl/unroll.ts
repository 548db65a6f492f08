/** `count` pieces of code, one for each i from 0. */
export function unroll(count: number, piece: (i: number) => string, separator = '\n'): string {
  return Array.from({ length: count }, (_, i) => piece(i)).join(separator);
}
