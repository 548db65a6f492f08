import type { PipelineOptions } from '@tamp/core';
import type { TrainingCheckpoint } from '../checkpoint/checkpoint.js';
import type { LabelledData } from '../data/labelled-data.js';
import type { Loss, LossName } from '../loss/loss.js';
import type { OptimizerOptions } from '../optimizer/optimizer.js';
import type { EpochReport } from '../report.js';
import type { LearningRateOptions } from '../schedule/learning-rate.js';

/** When training stops before its last epoch. */
export interface EarlyStop {
  /** What must get better; validation figures need validation data. Default 'validationLoss'. */
  readonly metric?: 'loss' | 'validationLoss' | 'validationAccuracy';
  /** Epochs without a better one that are waited for. */
  readonly patience: number;
  /** What counts as better. Default 0. */
  readonly minDelta?: number;
}

/** How a model is trained. */
export interface TrainingOptions extends PipelineOptions {
  readonly data: LabelledData;
  readonly validation?: LabelledData;
  /** Loss of the model's first output. Default 'crossEntropy'. */
  readonly loss?: LossName | Loss;
  /** Default Adam with learning rate 1e-3. */
  readonly optimizer?: OptimizerOptions;
  readonly learningRate?: LearningRateOptions;
  readonly epochs: number;
  /** Default 64. */
  readonly batchSize?: number;
  /** Seed of the order of samples, which is another in each epoch. Default 0. */
  readonly seed?: number;
  readonly earlyStop?: EarlyStop;
  /** Told after each epoch. */
  readonly onEpoch?: (report: EpochReport) => void;
  /** Told after each step: steps done, of how many. */
  readonly onStep?: (done: number, total: number) => void;
  /** Given the state after each epoch, to be kept where the caller likes; training waits for it. */
  readonly onCheckpoint?: (checkpoint: TrainingCheckpoint) => void | Promise<void>;
  /** Goes on from here instead of from the model's parameters. */
  readonly resume?: TrainingCheckpoint;
}
