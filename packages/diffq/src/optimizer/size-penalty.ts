/** How strongly size counts in the loss at each step. */
export interface SizePenalty {
  /** Weight of one MiB in the loss of the next step. */
  readonly weight: number;
  /** Told the exact size in MiB after each step, if `followsSize`. */
  readonly followsSize: boolean;
  observe(size: number): void;
  /** For checkpoints: numbers that {@link restore} takes back. */
  state(): readonly number[];
  restore(state: readonly number[]): void;
}

/** The same weight throughout. */
export function fixedPenalty(weight: number): SizePenalty {
  return { weight, followsSize: false, observe() {}, state: () => [], restore() {} };
}
