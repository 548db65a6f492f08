/** A case made ready by one contender. */
export interface Prepared {
  /** Runs the case once and gives its result: [m, n] values, or one value for a model. */
  step(): Float32Array | Promise<Float32Array>;
  /** Frees what the case holds. */
  release(): void | Promise<void>;
}
