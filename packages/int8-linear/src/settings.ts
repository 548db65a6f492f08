import { z } from 'zod';

/** What shares one weight scale: a row (output channel, symmetric) or the whole weight (affine). */
export type Int8WeightGranularity = 'channel' | 'tensor';

/** How the range of static activations is found while calibration data flows. */
export type ActivationObserverKind = 'minmax' | 'moving-average' | 'histogram' | 'mse';

/** How layers quantize their input. */
export interface ActivationSettings {
  /**
   * `token`: one symmetric scale per row, found during the call. `tensor`: one scale and zero point per call, found
   * during the call. `static`: one scale and zero point per layer, found beforehand from calibration data. Default
   * `token`.
   */
  readonly kind: 'token' | 'tensor' | 'static';
  /** `tensor` and `static`: 7 bits instead of 8, as PyTorch's dynamic linear does. Default false. */
  readonly reduceRange: boolean;
  /** `static`: how the range is found. Default `minmax`. */
  readonly observer: ActivationObserverKind;
}

/** Every option with its value. */
export interface Int8LinearSettings {
  readonly targets: readonly string[];
  readonly ignore: readonly string[];
  readonly weights: { readonly granularity: Int8WeightGranularity };
  readonly activation: ActivationSettings;
}

/** Options as a recipe or a program gives them: everything may be left out. */
export interface Int8LinearOptions {
  /** Layers to quantize: `linear`, module types, names, globs or `re:`. Default `['linear']`. */
  readonly targets?: readonly string[];
  /** Layers to leave alone, by the same patterns. Default none. */
  readonly ignore?: readonly string[];
  /** Default `{ granularity: 'channel' }`. */
  readonly weights?: { readonly granularity?: Int8WeightGranularity };
  readonly activation?: Partial<ActivationSettings>;
}

const patterns = z.array(z.string().min(1));

const activation = z
  .strictObject({
    kind: z
      .enum(['token', 'tensor', 'static'])
      .default('token')
      .describe(
        'token: one symmetric scale per row, during the call. tensor: one scale and zero point per call. static: from calibration data.',
      ),
    reduceRange: z
      .boolean()
      .default(false)
      .describe("tensor and static: 7 bits instead of 8, as PyTorch's dynamic linear does."),
    observer: z
      .enum(['minmax', 'moving-average', 'histogram', 'mse'])
      .default('minmax')
      .describe('static: how the range is found from calibration data.'),
  })
  .refine(({ kind, reduceRange }) => kind !== 'token' || !reduceRange, {
    message: 'reduceRange goes with kind tensor or static',
    path: ['reduceRange'],
  });

/** Schema of the options. */
export const settingsSchema: z.ZodType<Int8LinearSettings> = z.strictObject({
  targets: patterns
    .min(1)
    .default(['linear'])
    .describe('Layers to quantize: linear, module types, names, globs or re:.'),
  ignore: patterns.default([]).describe('Layers to leave alone, by the same patterns.'),
  weights: z
    .strictObject({
      granularity: z
        .enum(['channel', 'tensor'])
        .default('channel')
        .describe('channel: a symmetric scale per output channel. tensor: one scale and zero point.'),
    })
    .prefault({})
    .describe('How weights become int8.'),
  activation: activation.prefault({}).describe('How layers quantize their input.'),
});
