export type { SavedTensor, TrainingCheckpoint } from './checkpoint/checkpoint.js';
export {
  type LabelledData,
  type SampleArray,
  sampleCount,
  sliceSamples,
} from './data/labelled-data.js';
export { type EvaluateOptions, evaluateLabelled } from './evaluate/evaluate-labelled.js';
export { checkClasses, type Loss, type LossName } from './loss/loss.js';
export type { OptimizerOptions } from './optimizer/optimizer.js';
export type { EpochReport, Quality } from './report.js';
export type { LearningRateOptions, LearningRateSchedule } from './schedule/learning-rate.js';
export { runTraining, type TrainingResult } from './train/run-training.js';
export type { EarlyStop, TrainingOptions } from './train/training-options.js';
