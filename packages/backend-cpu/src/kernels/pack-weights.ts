import { TampError } from '@tamp/core';
import type * as tf from '@tensorflow/tfjs-core';
import { packGroupwiseWeight } from './groupwise-linear.js';
import { packInt8Weight } from './int8-linear.js';
import { defineKernel } from './kernel-call.js';

/** The contract `TampPackWeights`: a weight's plain words in this backend's layout. */
export function packWeightsKernel(backendName: string): tf.KernelConfig {
  return defineKernel('TampPackWeights', backendName, (call) => {
    const layout = call.text('layout');
    if (layout === 'int8') return packInt8Weight(call);
    if (layout === 'groupwise') return packGroupwiseWeight(call);
    throw new TampError(`there is no weight layout "${layout}"`, { code: 'internal' });
  });
}
