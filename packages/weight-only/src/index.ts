export { weightOnly as default } from './modifier.js';
export { quantizeWeights } from './quantize-weights.js';
export type {
  RangeSettings,
  WeightOnlyOptions,
  WeightOnlySettings,
  WeightOverride,
} from './settings.js';
