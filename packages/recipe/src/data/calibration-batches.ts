import type { CalibrationBatches } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import { tokensInput } from './language-model.js';
import { type TextWindows, windowTokens } from './text-windows.js';

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
