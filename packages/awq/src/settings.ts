import { type SchemeChanges, type SchemeOptions, schemeOptionsSchema } from '@tamp/core';
import { z } from 'zod';

/** Every option with its value. */
export interface AwqSettings {
  readonly targets: readonly string[];
  readonly ignore: readonly string[];
  readonly weights?: SchemeOptions | undefined;
  readonly observer: 'minmax' | 'mse';
  readonly gridPoints: number;
}

/** Options as a recipe or a program gives them: everything may be left out. */
export interface AwqOptions {
  /** Layers that will be quantized: operators, module types, names, globs or `re:`. Default `['linear']`. */
  readonly targets?: readonly string[];
  /** Layers that will not be, by the same patterns. Default none. */
  readonly ignore?: readonly string[];
  /**
   * As in the modifier that quantizes them. Default: what modifiers after this one in a recipe say; where none does, 4
   * bits in groups of 128.
   */
  readonly weights?: SchemeChanges;
  /** How that modifier finds ranges. Default `mse`. */
  readonly observer?: 'minmax' | 'mse';
  /** Strengths tried, each in two forms. Default 20. */
  readonly gridPoints?: number;
}

const patterns = z.array(z.string().min(1));

/** Schema of the options. */
export const settingsSchema: z.ZodType<AwqSettings> = z.strictObject({
  targets: patterns
    .min(1)
    .default(['linear'])
    .describe('Layers that will be quantized: operators, module types, names, globs or re:.'),
  ignore: patterns.default([]).describe('Layers that will not be, by the same patterns.'),
  weights: schemeOptionsSchema
    .optional()
    .describe('How the modifier that follows quantizes them. Default: as it says itself.'),
  observer: z.enum(['minmax', 'mse']).default('mse').describe('How that modifier finds ranges.'),
  gridPoints: z.int().min(1).max(1000).default(20).describe('Strengths tried, each in two forms.'),
});
