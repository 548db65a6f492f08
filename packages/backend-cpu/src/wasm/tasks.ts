/** Numbers of the parallel tasks in `assembly/tasks.ts`. */
export const Task = {
  gemmF32: 0,
  gemmFewRowsF32: 1,
  transpose: 2,
  packInt8: 3,
  rangeOfBlocks: 4,
  quantizeRows: 5,
  gemmInt8: 6,
  packGroupwise: 7,
  gemmGroupwise: 8,
  dequantizeRows: 9,
  roundBlocks: 10,
  rmsNorm: 11,
  swiGlu: 12,
  rotary: 13,
  attention: 14,
  softmaxRows: 15,
  binary: 16,
  quantizeBlocks: 17,
  gemmBlocks: 18,
  gatherWindows: 19,
  scatterWindows: 20,
  gram: 21,
  permuteUpper: 22,
  factorDiagonal: 23,
  solveAbove: 24,
  updateBlock: 25,
  roundColumns: 26,
  searchRanges: 27,
  packLater: 28,
  widenBfloat16: 29,
} as const;

/** One of {@link Task}. */
export type TaskNumber = (typeof Task)[keyof typeof Task];

const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);
const double = new Float64Array(1);
const halves = new Int32Array(double.buffer);

/** The bits of a float32, to pass it in a task's argument block, whose words are 32 bits. */
export function floatBits(value: number): number {
  float[0] = value;
  return bits[0] ?? 0;
}

/** The bits of a float64 as two words, the lower one first; its place in the block must be even. */
export function doubleBits(value: number): readonly [number, number] {
  double[0] = value;
  return [halves[0] ?? 0, halves[1] ?? 0];
}
