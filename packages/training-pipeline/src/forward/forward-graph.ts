import { type Graph, inputsOf, operators, TampError, type ValueType } from '@tamp/core';
import type * as tf from '@tensorflow/tfjs-core';

/**
 * Computes a graph's first output synchronously, as gradient recording demands. `parameter` gives the value of a
 * parameter by its name. Temporary tensors are the caller's to tidy.
 */
export function forwardGraph(
  graph: Graph,
  inputs: Readonly<Record<string, tf.Tensor>>,
  parameter: (name: string) => tf.Tensor,
): tf.Tensor {
  const values = new Map<string, tf.Tensor>();
  const computed = (name: string): tf.Tensor => {
    const value = values.get(name);
    if (value === undefined) throw new TampError(`${name} has no value yet`, { code: 'internal' });
    return value;
  };
  for (const node of graph.nodes) {
    switch (node.kind) {
      case 'input': {
        const fed = inputs[node.name];
        if (fed === undefined) {
          throw new TampError(`the model needs an input named ${node.name}`, {
            code: 'usage',
            remedy: `The data has ${Object.keys(inputs).join(', ')}.`,
          });
        }
        values.set(node.name, fed);
        break;
      }
      case 'parameter':
        values.set(node.name, parameter(node.parameter));
        break;
      case 'operator':
        values.set(
          node.name,
          operators.get(node.operator).run(inputsOf(node).map(computed), node.attributes),
        );
        break;
      case 'output':
        return computed(node.input);
    }
  }
  throw new TampError('the graph has no output', { code: 'format' });
}

/** Shapes of a graph's inputs without the batch dimension. Throws when another dimension is unknown. */
export function sampleShapes(graph: Graph): Readonly<Record<string, readonly number[]>> {
  const shapes: Record<string, readonly number[]> = {};
  for (const node of graph.nodes) {
    if (node.kind !== 'input') continue;
    shapes[node.name] = node.type.shape.slice(1).map((size) => {
      if (size !== null) return size;
      throw new TampError(`input ${node.name} has a dimension of unknown size besides the batch`, {
        code: 'unsupported',
        remedy: 'Train models whose samples have one size.',
      });
    });
  }
  return shapes;
}

/** Shape of a graph's first output; a size known only when it runs is null. */
export function outputShape(graph: Graph): readonly (number | null)[] {
  const types = new Map<string, ValueType>();
  const typesOf = (names: readonly string[]): readonly ValueType[] =>
    names.flatMap((name) => types.get(name) ?? []);
  for (const node of graph.nodes) {
    if (node.kind === 'output') return types.get(node.input)?.shape ?? [];
    const type =
      node.kind === 'operator'
        ? operators.infer(node.operator, typesOf(node.inputs), node.attributes, node.name)
        : node.type;
    types.set(node.name, type);
  }
  return [];
}
