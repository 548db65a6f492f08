export { describeLinearLayers, type Int8LinearDescription } from './describe.js';
export { createInt8Linear, type Int8Linear, type Int8LinearSource } from './int8-linear.js';
export {
  columnOffsets,
  type Int8Weight,
  type Int8WeightRule,
  type QuantizeInt8WeightOptions,
  quantizeInt8Weight,
} from './int8-weight.js';
export type { Int8Dense, Int8DenseConfig } from './layers/int8-dense.js';
export type { LayersBatch } from './layers/layers-batch.js';
export type { LayersRunOptions, QuantizedLayersModel } from './layers/quantize-layers-model.js';
export { registerInt8Layers } from './layers/register-int8-layers.js';
export { int8LinearModifier as default } from './modifier.js';
export type { GraphRunOptions } from './quantize-graph-model.js';
export { quantizeLinearLayers } from './quantize-linear-layers.js';
export type {
  ActivationObserverKind,
  ActivationSettings,
  Int8LinearOptions,
  Int8LinearSettings,
  Int8WeightGranularity,
} from './settings.js';
export { quantizeStatically, type StaticRunOptions } from './static/quantize-statically.js';
export type {
  ObserverFactory,
  StaticInt8Options,
  StaticLayerConfig,
  StaticRange,
} from './static/static-options.js';
