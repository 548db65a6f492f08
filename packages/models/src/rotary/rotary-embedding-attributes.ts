/** Attributes of the operator `rotary_embedding`. */
export interface RotaryFrequencies {
  /** headSize / 2 inverse frequencies, each a float32. */
  readonly frequencies: readonly number[];
  /** Factor on cos and sin. */
  readonly attentionScale: number;
}
