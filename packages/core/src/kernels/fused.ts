import * as tf from '@tensorflow/tfjs-core';
import type { KernelAttributes } from './contract.js';

/**
 * Float kernels that a backend may offer in place of a composition of tfjs operations. Contracts, all float32:
 * - `TampRmsNorm`: x [..., width], weight [width]; attribute epsilon; result as x.
 * - `TampSwiGlu`: gate and up of one shape; result gate · sigmoid(gate) · up.
 * - `TampRotaryEmbedding`: x [batch, sequence, heads · headSize], cos and sin [1, sequence, 1, headSize]; attribute
 *   headSize; result as x, each head (a, b) in halves becoming (a·cos − b·sin, b·cos + a·sin).
 * - `TampAttention`: q [batch, queries, heads · headSize], k and v [batch, keys, keyValueHeads · headSize];
 *   attributes heads, keyValueHeads, headSize, scale; causal, the queries being the last positions; result as q.
 * - `TampAppendRows`: past [batch, length, width], rows [batch, added, width]; result [batch, length + added, width],
 *   which may share past's memory: past's rows stay as they are, and appending to the same past twice gives two results
 *   that do not disturb each other.
 * The reference of each is the composition in its operator's file.
 */
export type FusedKernelName =
  | 'TampRmsNorm'
  | 'TampSwiGlu'
  | 'TampRotaryEmbedding'
  | 'TampAttention'
  | 'TampAppendRows';

/**
 * The result of the current backend's fused kernel, or undefined when it has none or a gradient is being recorded
 * (fused kernels have no gradients; the composition has).
 */
export function fusedKernel(
  name: FusedKernelName,
  inputs: Readonly<Record<string, tf.Tensor>>,
  attributes: KernelAttributes,
): tf.Tensor | undefined {
  if (tf.engine().state.gradientDepth > 0 || tf.getKernel(name, tf.getBackend()) === undefined)
    return undefined;
  return tf.engine().runKernel(name, { ...inputs }, { ...attributes });
}
