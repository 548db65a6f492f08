import { matrixShape, secondMomentsBytes } from '@tamp/core';
import type { ChosenLayer } from './choose-layers.js';
import { inputKey } from './hessian/layer-inputs.js';

/** The block of the model that a layer lies in, as far as its name tells: `model.layers.3` of `model.layers.3.mlp`. */
function blockOf(layer: string): string {
  return /^(?:.*\.)?\d+(?=\.|$)/.exec(layer)?.[0] ?? layer;
}

/**
 * An estimate of what GPTQ holds at its peak: the Hessians of a block's inputs, and for the widest of them its factor,
 * the product that is being taken off, the errors and two copies of the weight.
 */
export function workingBytes(layers: readonly ChosenLayer[]): number {
  const hessians = new Map<string, Map<string, number>>();
  let widest = 0;
  for (const layer of layers) {
    const { rows, columns } = matrixShape(layer.parameter.shape);
    const block = blockOf(layer.layer);
    const inputs = hessians.get(block) ?? new Map<string, number>();
    hessians.set(block, inputs.set(inputKey(layer), secondMomentsBytes(columns)));
    widest = Math.max(widest, 4 * (2 * columns * columns + 4 * rows * columns));
  }
  const sums = [...hessians.values()].map((inputs) => [...inputs.values()].reduce((a, b) => a + b, 0));
  return Math.max(0, ...sums) + widest;
}
