import { z } from 'zod';

/** How the weights will be rounded by the modifier that follows. */
export interface WeightSettings {
  /** 2 to 8. Default 4. */
  readonly bits: number;
  /** Default: `group` when there is a group size or fewer than 8 bits, else `channel`. */
  readonly granularity?: 'group' | 'channel' | 'tensor';
  /** Default 128. */
  readonly groupSize?: number;
  /** Default true. */
  readonly symmetric: boolean;
}

/** Every option with its value. */
export interface AwqSettings {
  readonly targets: readonly string[];
  readonly ignore: readonly string[];
  readonly weights?: WeightSettings | undefined;
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
  readonly weights?: Partial<WeightSettings>;
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
  weights: z
    .strictObject({
      bits: z.int().min(2).max(8).default(4).describe('Bits per weight, 2 to 8.'),
      granularity: z
        .enum(['group', 'channel', 'tensor'])
        .optional()
        .describe(
          'What shares one scale. Default: group when a group size is given or below 8 bits, else channel.',
        ),
      groupSize: z.int().min(1).optional().describe('Weights of a row that share a scale. Default 128.'),
      symmetric: z.boolean().default(true).describe('Without zero points.'),
    })
    .refine(({ groupSize, granularity }) => groupSize === undefined || (granularity ?? 'group') === 'group', {
      message: 'groupSize goes with granularity group',
      path: ['groupSize'],
    })
    .optional()
    .describe('How the modifier that follows quantizes them. Default: as it says itself.'),
  observer: z.enum(['minmax', 'mse']).default('mse').describe('How that modifier finds ranges.'),
  gridPoints: z.int().min(1).max(1000).default(20).describe('Strengths tried, each in two forms.'),
});
