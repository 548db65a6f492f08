/** Consecutive elements of a row-major weight that share a scale: [start, end). */
export interface WeightGroup {
  readonly start: number;
  readonly end: number;
}

/** Scale and zero point of a group; they decide its levels. */
export interface GroupChoice {
  readonly scale: number;
  readonly zeroPoint: number;
}
