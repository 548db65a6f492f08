import { rejectInputs } from './operator.js';

/** Number of positions a window of `kernel` takes over `input` elements: floor((input + 2·padding − kernel) / stride) + 1. */
export function windowedSize(
  operator: string,
  layer: string,
  input: number | null,
  kernel: number | null,
  stride: number,
  padding: number,
): number | null {
  if (input === null || kernel === null) return null;
  const size = Math.floor((input + 2 * padding - kernel) / stride) + 1;
  if (size < 1) {
    rejectInputs(operator, layer, `a window of ${kernel} does not fit into ${input} with padding ${padding}`);
  }
  return size;
}
