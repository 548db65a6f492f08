import {
  defineModifier,
  histogramObserver,
  type ModifierDefinition,
  meanSquaredErrorObserver,
  minMaxObserver,
  movingAverageObserver,
} from '@tamp/core';
import { z } from 'zod';
import type { ActivationObserverKind, Int8WeightGranularity } from '../settings.js';
import { createStaticInt8 } from './static-int8.js';
import { type ObserverFactory, type StaticLayerConfig, staticSettings } from './static-options.js';

/** How one layer is quantized, as a recipe says it; what is left out is inherited. */
export interface StaticLayerSettings {
  readonly weights?: { readonly granularity?: Int8WeightGranularity | undefined } | undefined;
  readonly activation?:
    | { readonly observer?: ActivationObserverKind | undefined; readonly reduceRange?: boolean | undefined }
    | undefined;
}

/** Options of the modifier, as a recipe gives them. */
export interface StaticInt8Settings extends StaticLayerSettings {
  readonly targets?: readonly string[] | undefined;
  readonly ignore: readonly string[];
  readonly overrides: readonly (StaticLayerSettings & { readonly targets: readonly string[] })[];
}

const patterns = z.array(z.string().min(1));

const layerSettings = {
  weights: z
    .strictObject({
      granularity: z
        .enum(['channel', 'tensor'])
        .optional()
        .describe('channel (default): a symmetric scale per output channel. tensor: one scale.'),
    })
    .optional()
    .describe('How weights become int8.'),
  activation: z
    .strictObject({
      observer: z
        .enum(['minmax', 'moving-average', 'histogram', 'mse'])
        .optional()
        .describe('How ranges of inputs and outputs are found from calibration data. Default minmax.'),
      reduceRange: z
        .boolean()
        .optional()
        .describe('Scales for 7 bits instead of 8, as on x86. Default false.'),
    })
    .optional()
    .describe('How inputs and outputs become int8.'),
};

const settingsSchema: z.ZodType<StaticInt8Settings> = z.strictObject({
  targets: patterns
    .min(1)
    .optional()
    .describe('Layers to make int8: linear, conv2d, module types, names, globs or re:. Default: all.'),
  ignore: patterns.default([]).describe('Layers to leave alone, by the same patterns.'),
  ...layerSettings,
  overrides: z
    .array(z.strictObject({ targets: patterns.min(1), ...layerSettings }))
    .default([])
    .describe('Other settings for some of the layers; a later one wins.'),
});

const observers = {
  minmax: minMaxObserver,
  'moving-average': movingAverageObserver,
  histogram: histogramObserver,
  mse: meanSquaredErrorObserver,
} as const;

function weightFactory(granularity: Int8WeightGranularity): ObserverFactory {
  const rule = { rule: 'observer', qmin: -128, qmax: 127, symmetric: true } as const;
  return (layer) => minMaxObserver(granularity === 'channel' ? { rule, axis: 0, layer } : { rule, layer });
}

/** Settings of a layer as observer factories, over those it inherits. */
function layerConfig(settings: StaticLayerSettings, inherited: StaticLayerSettings): StaticLayerConfig {
  const { observer = 'minmax', reduceRange = false } = { ...inherited.activation, ...settings.activation };
  const { granularity = 'channel' } = { ...inherited.weights, ...settings.weights };
  return {
    activation: (layer) =>
      observers[observer]({ rule: { rule: 'observer', qmin: 0, qmax: 255, reduceRange }, layer }),
    weight: weightFactory(granularity),
  };
}

/**
 * Makes linear layers and convolutions static int8, back to back: levels from the first to the last, with ReLU, sums,
 * max pooling and reshaping between them; scales from calibration data.
 */
export const staticInt8Modifier: ModifierDefinition<StaticInt8Settings> = defineModifier({
  name: '@tamp/int8-linear/static',
  description: 'Makes linear layers and convolutions int8 back to back, with scales from calibration data.',
  options: settingsSchema,
  create(settings) {
    const { targets, ignore, overrides } = settings;
    return createStaticInt8(
      '@tamp/int8-linear/static',
      staticSettings({
        ...layerConfig(settings, {}),
        ...(targets === undefined ? {} : { targets }),
        ignore,
        overrides: overrides.map((override) => ({
          targets: override.targets,
          ...layerConfig(override, settings),
        })),
      }),
    );
  },
});

export default staticInt8Modifier;
