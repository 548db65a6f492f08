import type { ProductCase } from './cases.js';

/** The operands of a product, the same for every contender. */
export interface CaseData {
  readonly x: Float32Array;
  readonly bias: Float32Array;
  /** Signed levels [n, k]: 8 bits, or 4 for `groupwise`. */
  readonly levels: Int8Array;
  /** [n], or [n, groups]. */
  readonly scales: Float32Array;
}

/** mulberry32. */
function randomSource(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Normal activations, uniform weights. */
export function caseData({ kind, m, k, n, groupSize }: ProductCase): CaseData {
  const random = randomSource(1);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const half = kind === 'groupwise' ? 8 : 128;
  return {
    x: Float32Array.from({ length: m * k }, () => normal() * 1.3 + 0.2),
    bias: Float32Array.from({ length: n }, () => random() - 0.5),
    levels: Int8Array.from({ length: n * k }, () => Math.floor(random() * 2 * half) - half),
    scales: Float32Array.from({ length: n * (k / (groupSize ?? k)) }, () => (0.5 + random()) * 0.001),
  };
}

/** The weight as float32 [n, k]. */
export function floatWeight({ levels, scales }: CaseData): Float32Array {
  const perScale = levels.length / scales.length;
  return Float32Array.from(levels, (level, i) => level * (scales[Math.floor(i / perScale)] ?? 0));
}

/** Sum over k of x · weight plus bias at one place, in float64: what every contender must come near to. */
export function expectedAt(data: CaseData, { k }: ProductCase, row: number, column: number): number {
  const perScale = data.levels.length / data.scales.length;
  let sum = data.bias[column] ?? 0;
  for (let i = 0; i < k; i++) {
    const at = column * k + i;
    sum +=
      (data.x[row * k + i] ?? 0) * (data.levels[at] ?? 0) * (data.scales[Math.floor(at / perScale)] ?? 0);
  }
  return sum;
}
