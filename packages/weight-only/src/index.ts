export { weightOnly as default } from './modifier.js';
export { quantizeWeights } from './quantize-weights.js';
export type {
  RangeSettings,
  WeightGranularity,
  WeightOnlyOptions,
  WeightOnlySettings,
  WeightOverride,
  WeightSettings,
} from './settings.js';
