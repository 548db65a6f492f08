import type { CalibrationBatches } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import { tokensInput } from './language-model.js';
import { type TextWindows, windowTokens } from './text-windows.js';

/** Tokens that go through a block at a time where a recipe does not say how many windows: more make it no faster. */
const usualTokens = 1024;

/** Windows that go through a block at a time: as many as are `wanted`, else about a thousand tokens. */
export function calibrationBatchSize({ count, length }: TextWindows, wanted?: number): number {
  return Math.min(count, wanted ?? Math.max(1, Math.floor(usualTokens / length)));
}

/**
 * Windows as calibration batches of one window each: observers that average over batches then see each window alone,
 * whatever the machine's memory.
 */
export function calibrationBatches(windows: TextWindows): CalibrationBatches {
  return {
    count: windows.count,
    async batch(index) {
      return { [tokensInput]: tf.tensor2d(windowTokens(windows, index, 1), [1, windows.length], 'int32') };
    },
  };
}
