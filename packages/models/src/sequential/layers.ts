import type { GraphBuilder, SymbolicValue } from '@tamp/core';

/** Appends layers one after the other; each is a module named by its index, as in PyTorch's `Sequential`. */
export interface LayerStack {
  readonly value: SymbolicValue;
  linear(outputs: number): void;
  convolution(outputs: number, kernel: number, padding: number): void;
  relu(): void;
  maxPool(size: number): void;
  flatten(): void;
}

/** Width of a dimension that is known when the graph is built. */
function knownSize(value: SymbolicValue, dimension: number): number {
  return value.type.shape[dimension] ?? 0;
}

/** Starts a stack of layers on a value. */
export function stackLayers(builder: GraphBuilder, input: SymbolicValue): LayerStack {
  let value = input;
  let index = 0;
  const append = (type: string, body: () => SymbolicValue): void => {
    value = builder.scope(`${index++}`, type, body);
  };
  const withWeight = (operator: string, shape: readonly number[], attributes = {}): SymbolicValue => {
    const weight = builder.parameter(`${builder.path}.weight`, shape);
    const bias = builder.parameter(`${builder.path}.bias`, [shape[0]]);
    return builder.apply(operator, [value, weight, bias], attributes);
  };
  return {
    get value() {
      return value;
    },
    linear(outputs) {
      append('Linear', () => withWeight('linear', [outputs, knownSize(value, 1)]));
    },
    convolution(outputs, kernel, padding) {
      append('Conv2d', () =>
        withWeight('conv2d', [outputs, knownSize(value, 1), kernel, kernel], { stride: 1, padding }),
      );
    },
    relu() {
      append('ReLU', () => builder.apply('relu', [value]));
    },
    maxPool(size) {
      append('MaxPool2d', () => builder.apply('max_pool2d', [value], { size, stride: size }));
    },
    flatten() {
      append('Flatten', () => builder.apply('flatten', [value]));
    },
  };
}

/** Linear layers of the given widths with ReLU between them. */
export function stackLinear(layers: LayerStack, widths: readonly number[]): void {
  for (const [i, width] of widths.entries()) {
    if (i > 0) layers.relu();
    layers.linear(width);
  }
}
