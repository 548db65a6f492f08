/** A case made ready by one contender. */
export interface Prepared {
  /** Runs the case once and gives its result: [m, n] values, or one value for a model. */
  step(): Float32Array | Promise<Float32Array>;
  /** How often a step runs the case. Default 1. */
  readonly runs?: number;
  /** Frees what the case holds. */
  release(): void | Promise<void>;
}
