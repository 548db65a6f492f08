export {
  type AttachedTraining,
  type Attachment,
  attachDiffQ,
  attachLsq,
  attachUniform,
} from './layers/attach-layers.js';
export type { LogitMeaning } from './maths/bits.js';
export { diffq, diffq as default } from './modifier/diffq-modifier.js';
export type { DiffQSettings } from './modifier/settings.js';
export type { NoiseKind, NoiseSource } from './noise/noise-source.js';
export { seededNoise } from './noise/noise-source.js';
export type { SizePenaltyOptions } from './optimizer/choose-size-penalty.js';
export type { OptimizerOptions } from './optimizer/connect-optimizer.js';
export { DiffQuantizer, type DiffQuantizerOptions } from './quantizer/diff-quantizer.js';
export { LsqQuantizer, type LsqQuantizerOptions } from './quantizer/lsq-quantizer.js';
export { type QuantizedParameter, Quantizer, type QuantizerOptions } from './quantizer/quantizer.js';
export { UniformQuantizer, type UniformQuantizerOptions } from './quantizer/uniform-quantizer.js';
export type { ChosenParameter, NamedVariable, SelectionOptions } from './selection/selection.js';
export { unpackParameter, unpackState } from './state/read-state.js';
export type {
  PackedEntry,
  Packing,
  PlainEntry,
  Planes,
  QuantizedState,
  StoredDense,
  StoredHalf,
  StoredParameter,
  UnpackedState,
} from './state/state.js';
