export { type EqualizationResult, type EqualizeRunOptions, equalizeModel } from './equalize-model.js';
export type { EqualizationRule, EqualizedGroup, ValueRanges } from './equalized-group.js';
export { equalizationModifier as default } from './modifier.js';
export {
  type EqualizationObserver,
  type InputEqualizationObserver,
  type InputObserverOptions,
  type InputScheme,
  inputEqualizationObserver,
  weightEqualizationObserver,
} from './observe/equalization-observer.js';
export type { LayerObservers, ObserversConfig } from './observers-config.js';
export type { ChannelRange, ValueRange } from './scales/channel-range.js';
export { crossLayerScale } from './scales/cross-layer-scale.js';
export { inputWeightScale } from './scales/input-weight-scale.js';
export { smoothScale } from './scales/smooth-scale.js';
export type {
  ChainMethod,
  EqualizationOptions,
  EqualizationSettings,
  Quantization,
  SmoothStrength,
} from './settings.js';
