import { type ScaleFormat, type SchemeChanges, type SchemeOptions, schemeOptionsSchema } from '@tamp/core';
import { z } from 'zod';
import type { ColumnOrder } from './factor/column-order.js';

/** How the range of a group is found. */
export interface RangeSettings {
  /**
   * `mse`: search for the smallest squared error, each column weighted by the mean square of its input. `minmax`: the
   * whole range. Default `mse`.
   */
  readonly observer: 'mse' | 'minmax';
  /** `mse` only: scales tried per zero point, default 256. */
  readonly gridPoints?: number;
  /** `mse` only: the smallest scale tried is (1 − maxShrink) of the min-max scale; default 0.8 up to 4 bits, 0.5 above. */
  readonly maxShrink?: number;
  /** `mse` only: each error is also weighted by |w|^emphasis, so that large weights count more. Default 0. */
  readonly emphasis?: number;
  /** `mse` only: let symmetric schemes use negative scales, which move the one level more to the positive side. Default true. */
  readonly signedScales?: boolean;
}

/** Every option with its value. */
export interface GptqSettings {
  readonly targets: readonly string[];
  readonly ignore: readonly string[];
  readonly weights: SchemeOptions;
  readonly rangeSearch: RangeSettings;
  readonly damping: number;
  readonly order: ColumnOrder;
  readonly blockSize: number;
  readonly scaleDtype: ScaleFormat;
}

/** Options as a recipe or a program gives them: everything may be left out. */
export interface GptqOptions {
  /** Layers to quantize: operators (`linear`, `conv2d`), module types, names, globs or `re:`. Default `['linear']`. */
  readonly targets?: readonly string[];
  /** Layers to leave alone, by the same patterns. Default none. */
  readonly ignore?: readonly string[];
  readonly weights?: SchemeChanges;
  readonly rangeSearch?: Partial<RangeSettings>;
  /**
   * Share of the Hessian's mean diagonal that is added to it, so that directions the calibration data hardly shows do
   * not take all the error. Grows by itself when the Hessian is not positive definite. Default 0.03.
   */
  readonly damping?: number;
  /** In which order columns are rounded. Default `static`. */
  readonly order?: ColumnOrder;
  /**
   * Columns between two updates of all later ones, on backends without kernels for GPTQ; changes speed, not results.
   * Default 128.
   */
  readonly blockSize?: number;
  /** Format scales are stored in; they are rounded to it before levels are chosen. Default `float32`. */
  readonly scaleDtype?: ScaleFormat;
}

const patterns = z.array(z.string().min(1));

const rangeSearch = z.strictObject({
  observer: z
    .enum(['mse', 'minmax'])
    .default('mse')
    .describe('mse: search for the smallest error on the calibration data. minmax: the whole range.'),
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
    .optional()
    .describe('mse: each error is also weighted by |w|^emphasis. Default 0.'),
  signedScales: z
    .boolean()
    .optional()
    .describe('mse: let symmetric schemes use negative scales. Default true.'),
});

/** Schema of the options. */
export const settingsSchema: z.ZodType<GptqSettings> = z.strictObject({
  targets: patterns
    .min(1)
    .default(['linear'])
    .describe('Layers to quantize: operators (linear, conv2d), module types, names, globs or re:.'),
  ignore: patterns.default([]).describe('Layers to leave alone, by the same patterns.'),
  weights: schemeOptionsSchema.prefault({}).describe('How weights become integers.'),
  rangeSearch: rangeSearch.prefault({}).describe('How the range of a group is found.'),
  damping: z
    .number()
    .min(0)
    .max(10)
    .default(0.03)
    .describe("Share of the Hessian's mean diagonal that is added to it; grows by itself when it must."),
  order: z
    .enum(['static', 'group', 'none'])
    .default('static')
    .describe(
      'static: columns by falling size of their input, scales chosen before. group: groups by falling size, scales chosen in turn. none: left to right.',
    ),
  blockSize: z
    .int()
    .min(1)
    .max(65536)
    .default(128)
    .describe(
      'Columns between two updates of all later ones, on backends without kernels for it; changes speed, not results.',
    ),
  scaleDtype: z
    .enum(['float32', 'float16', 'bfloat16'])
    .default('float32')
    .describe('Format scales are stored in.'),
});
