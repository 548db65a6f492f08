import { z } from 'zod';

/** How layers that follow one another, and first layers, are equalized. */
export type ChainMethod = 'input-weight' | 'cross-layer' | 'off';

/** SmoothQuant's strength: a number in [0, 1], or the best of a grid for each group of layers. */
export type SmoothStrength = number | 'search' | 'off';

/** Every option with its value. */
export interface EqualizationSettings {
  readonly targets?: readonly string[] | undefined;
  readonly ignore: readonly string[];
  readonly chains: ChainMethod;
  readonly smooth: SmoothStrength;
  readonly insertMul: boolean;
  /** What is said of the quantization that the search and the report's signal-to-noise assume. */
  readonly quantization: Partial<Quantization>;
  readonly sampleRows: number;
}

/** Weights of few bits with a symmetric scale for each group of a row. */
export interface GroupedWeights {
  /** 2 to 8. */
  readonly bits: number;
  /** Weights of a row that share a scale; must divide the layer's input width. */
  readonly groupSize: number;
}

/** The quantized layers that are to follow, as options say it. */
export interface Quantization {
  /** One int8 scale per token or per tensor; `none`: activations stay float. */
  readonly activation: 'token' | 'tensor' | 'none';
  /** One int8 scale per output channel or in all, or groups of fewer bits. */
  readonly weights: 'channel' | 'tensor' | GroupedWeights;
}

/** Options as a recipe or a program gives them: everything may be left out. */
export interface EqualizationOptions {
  /** Layers to equalize: `linear`, `conv2d`, module types, names, globs or `re:`. Default: all whose weight is their own. */
  readonly targets?: readonly string[];
  /** Layers to leave alone, by the same patterns. Default none. */
  readonly ignore?: readonly string[];
  /** First layers and layers that follow one another directly or through ReLU, pooling and reshape. Default `input-weight`. */
  readonly chains?: ChainMethod;
  /** Norms and the layers that read them, up- and down-projection, value and output projection. Default `search`. */
  readonly smooth?: SmoothStrength;
  /** `input-weight`: insert a `mul` where no layer can take the scale up. Default true. */
  readonly insertMul?: boolean;
  /**
   * What search and report assume. Default: what the modifiers after this one in a recipe say that they will do to each
   * layer; where none says, `{ activation: 'token', weights: 'channel' }`.
   */
  readonly quantization?: Partial<Quantization>;
  /** Rows of calibration data kept per group for search and report. Default 256. */
  readonly sampleRows?: number;
}

const patterns = z.array(z.string().min(1));

/** Schema of the options. */
export const settingsSchema: z.ZodType<EqualizationSettings> = z.strictObject({
  targets: patterns
    .min(1)
    .optional()
    .describe('Layers to equalize: linear, conv2d, module types, names, globs or re:. Default: all.'),
  ignore: patterns.default([]).describe('Layers to leave alone, by the same patterns.'),
  chains: z
    .enum(['input-weight', 'cross-layer', 'off'])
    .default('input-weight')
    .describe(
      'First layers and layers that follow one another: input-weight balances observed inputs against weights, cross-layer balances weights alone, without data.',
    ),
  smooth: z
    .union([z.number().min(0).max(1), z.enum(['search', 'off'])])
    .default('search')
    .describe(
      "Norm to linear, up- to down-projection, value to output projection: SmoothQuant's strength, or search for the best of each group.",
    ),
  insertMul: z
    .boolean()
    .default(true)
    .describe('input-weight: insert a multiplication where no layer can take the scale up.'),
  quantization: z
    .strictObject({
      activation: z
        .enum(['token', 'tensor', 'none'])
        .optional()
        .describe('One int8 activation scale per token or per tensor; none: activations stay float.'),
      weights: z
        .union([
          z.enum(['channel', 'tensor']),
          z.strictObject({
            bits: z.int().min(2).max(8).describe('Bits per weight, 2 to 8.'),
            groupSize: z
              .int()
              .min(1)
              .describe("Weights of a row that share a scale; must divide the layer's input width."),
          }),
        ])
        .optional()
        .describe('One int8 weight scale per output channel or in all, or groups of few bits.'),
    })
    .prefault({})
    .describe(
      'The quantized layers that are to follow, which search and report assume. Default: what the modifiers after this one will do; where none says, activation token and weights channel.',
    ),
  sampleRows: z
    .number()
    .int()
    .min(1)
    .max(65536)
    .default(256)
    .describe('Rows of calibration data kept per group of layers for search and report.'),
});

/** Whether the settings work without calibration data. */
export function isDataFree({ chains, smooth }: EqualizationSettings): boolean {
  return chains !== 'input-weight' && smooth === 'off';
}
