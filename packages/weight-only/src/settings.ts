import {
  type ScaleFormat,
  type SchemeChanges,
  type SchemeOptions,
  schemeChangesSchema,
  schemeOptionsSchema,
} from '@tamp/core';
import { z } from 'zod';

/** Other settings for some of the layers. */
export interface WeightOverride {
  /** Patterns as in `targets`; each must match a layer that is quantized. */
  readonly targets: readonly string[];
  /** What differs from `weights`. Giving a granularity or a group size drops both of `weights`. */
  readonly weights: SchemeChanges;
}

/** How the range of a group is found. */
export interface RangeSettings {
  /** `minmax`: round to nearest over the whole range. `mse`: search for the smallest weighted squared error. Default `minmax`. */
  readonly observer: 'minmax' | 'mse';
  /** `mse` only: scales tried per zero point, default 256. */
  readonly gridPoints?: number;
  /** `mse` only: the smallest scale tried is (1 − maxShrink) of the min-max scale; default 0.8 up to 4 bits, 0.5 above. */
  readonly maxShrink?: number;
  /**
   * `mse` only: how much more large weights count; the search weights each squared error by |w|^emphasis, 0 to 4.
   * Default 1.
   */
  readonly emphasis: number;
  /** `mse` only: let symmetric schemes use negative scales, which move the one level more to the positive side. Default true. */
  readonly signedScales?: boolean;
}

/** Every option with its value. */
export interface WeightOnlySettings {
  readonly targets: readonly string[];
  readonly ignore: readonly string[];
  readonly weights: SchemeOptions;
  readonly overrides: readonly WeightOverride[];
  readonly rangeSearch: RangeSettings;
  readonly scaleDtype: ScaleFormat;
  readonly activation: 'float' | 'int8-block';
}

/** Options as a recipe or a program gives them: everything may be left out. */
export interface WeightOnlyOptions {
  /** Layers to quantize: operators, module types, names, globs or `re:`. Default `['linear']`. */
  readonly targets?: readonly string[];
  /** Layers to leave alone, by the same patterns. Default none. */
  readonly ignore?: readonly string[];
  readonly weights?: SchemeChanges;
  /** Other weight settings for some layers; a later one wins. Default none. */
  readonly overrides?: readonly WeightOverride[];
  readonly rangeSearch?: Partial<RangeSettings>;
  /** Format scales are stored in; they are rounded to it before levels are chosen. Default `float32`. */
  readonly scaleDtype?: ScaleFormat;
  /**
   * How linear layers take their input: as it is, or quantized to int8 in blocks of 32 during the call, which is
   * faster. Default `float`.
   */
  readonly activation?: 'float' | 'int8-block';
}

const patterns = z.array(z.string().min(1));
const override = z
  .strictObject({
    targets: patterns.min(1).describe('Layers, by the same patterns as targets.'),
    weights: schemeChangesSchema,
  })
  .describe('Other weight settings for some layers.');

const rangeSearch = z.strictObject({
  observer: z
    .enum(['minmax', 'mse'])
    .default('minmax')
    .describe(
      'minmax: round to nearest over the whole range. mse: search for the smallest weighted squared error.',
    ),
  gridPoints: z.int().min(1).max(65536).optional().describe('mse: scales tried per zero point, default 256.'),
  maxShrink: z
    .number()
    .min(0)
    .lt(1)
    .optional()
    .describe('mse: how far below the min-max scale to search; default 0.8 up to 4 bits, 0.5 above.'),
  emphasis: z
    .number()
    .min(0)
    .max(4)
    .default(1)
    .describe('mse: how much more large weights count; squared errors are weighted by |w|^emphasis.'),
  signedScales: z
    .boolean()
    .optional()
    .describe('mse: let symmetric schemes use negative scales. Default true.'),
});

/** Schema of the options. */
export const settingsSchema: z.ZodType<WeightOnlySettings> = z.strictObject({
  targets: patterns
    .min(1)
    .default(['linear'])
    .describe('Layers to quantize: operators, module types, names, globs or re:.'),
  ignore: patterns.default([]).describe('Layers to leave alone, by the same patterns.'),
  weights: schemeOptionsSchema.prefault({}).describe('How weights become integers.'),
  overrides: z
    .array(override)
    .default([])
    .describe('Other weight settings for some layers; a later one wins.'),
  rangeSearch: rangeSearch.prefault({}).describe('How the range of a group is found.'),
  scaleDtype: z
    .enum(['float32', 'float16', 'bfloat16'])
    .default('float32')
    .describe('Format scales are stored in.'),
  activation: z
    .enum(['float', 'int8-block'])
    .default('float')
    .describe(
      'Whether linear layers take float input or quantize it to int8 in blocks of 32 during the call.',
    ),
});
