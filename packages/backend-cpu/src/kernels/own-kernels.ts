import type * as tf from '@tensorflow/tfjs-core';
import { appendRowsKernel } from './append-rows.js';
import { dequantizeWeightKernel, gatherRowsKernel } from './dequantize-rows.js';
import { attentionKernel, rmsNormKernel, rotaryKernel, swiGluKernel } from './fused.js';
import { gramKernel } from './gram.js';
import { groupwiseLinearKernel } from './groupwise-linear.js';
import { int8LinearKernel } from './int8-linear.js';
import { packWeightsKernel } from './pack-weights.js';
import { roundColumnsKernel } from './round-columns.js';
import { searchRangesKernel } from './search-ranges.js';
import { conv2dKernels } from './tfjs-conv2d.js';
import { elementwiseKernels } from './tfjs-elementwise.js';
import { gatherKernel } from './tfjs-gather.js';
import { matMulKernels } from './tfjs-matmul.js';
import { softmaxKernel } from './tfjs-softmax.js';
import { upperFactorKernel } from './upper-factor.js';
import { widenBfloat16Kernel } from './widen-bfloat16.js';

/** Every kernel that this backend has of its own; all others are tfjs's. */
export function ownKernels(backendName: string): tf.KernelConfig[] {
  return [
    ...matMulKernels(backendName),
    packWeightsKernel(backendName),
    groupwiseLinearKernel(backendName),
    int8LinearKernel(backendName),
    gatherRowsKernel(backendName),
    dequantizeWeightKernel(backendName),
    rmsNormKernel(backendName),
    swiGluKernel(backendName),
    rotaryKernel(backendName),
    attentionKernel(backendName),
    appendRowsKernel(backendName),
    gramKernel(backendName),
    upperFactorKernel(backendName),
    roundColumnsKernel(backendName),
    searchRangesKernel(backendName),
    widenBfloat16Kernel(backendName),
    softmaxKernel(backendName),
    gatherKernel(backendName),
    ...elementwiseKernels(backendName),
    ...conv2dKernels(backendName),
  ];
}
