import { defaultFrequencies } from './default-frequencies.js';
import { type LinearScaling, scaleLinearly } from './linear-scaling.js';
import { type Llama3Scaling, llama3Frequencies } from './llama3-scaling.js';
import type { RotaryFrequencies } from './rotary-embedding-attributes.js';
import { type YarnScaling, yarnFrequencies } from './yarn-scaling.js';

/** How frequencies are stretched for contexts longer than those a model was first trained on. */
export type RotaryScaling = { readonly kind: 'none' } | LinearScaling | Llama3Scaling | YarnScaling;

/** A rotary position embedding (Su et al. 2021). */
export interface RotaryConfig {
  /** Elements of a head; even. */
  readonly headSize: number;
  /** Base of the wavelengths. */
  readonly theta: number;
  readonly scaling: RotaryScaling;
}

/** The inverse frequencies of a rotary embedding, computed in float32 in the order in which transformers does. */
export function rotaryFrequencies({ headSize, theta, scaling }: RotaryConfig): RotaryFrequencies {
  switch (scaling.kind) {
    case 'none':
      return { frequencies: defaultFrequencies(headSize, theta), attentionScale: 1 };
    case 'linear':
      return { frequencies: scaleLinearly(defaultFrequencies(headSize, theta), scaling), attentionScale: 1 };
    case 'llama3':
      return {
        frequencies: llama3Frequencies(defaultFrequencies(headSize, theta), scaling),
        attentionScale: 1,
      };
    case 'yarn':
      return yarnFrequencies(headSize, theta, scaling);
  }
}
