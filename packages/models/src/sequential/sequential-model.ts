import {
  type AttributeValue,
  denseStorage,
  elementCount,
  type Graph,
  type Model,
  type Parameter,
  type ParameterNode,
  Random,
} from '@tamp/core';
import { checkWeights } from '../checkpoint/check-weights.js';

/** Where the parameters of a model that is built from its widths come from. */
export interface SequentialWeights {
  /** The parameters by their names (`0.weight`, `0.bias`, …). Default: random ones. */
  readonly weights?: ReadonlyMap<string, Parameter>;
  /** Seed of random parameters, a whole number. Default 0. */
  readonly seed?: number;
}

/**
 * Weights and biases from the uniform distribution on ±1/√fanIn, as PyTorch's linear and convolutional layers start.
 * Each parameter has a sequence of its own, so that it does not depend on the others.
 */
function randomParameters(graph: Graph, seed: number): ReadonlyMap<string, Parameter> {
  const random = new Random(seed);
  const parameters = new Map<string, Parameter>();
  const nodes = graph.nodes.filter((node): node is ParameterNode => node.kind === 'parameter');
  const fanIns = new Map<string, number>();
  for (const [index, node] of nodes.entries()) {
    const shape = node.type.shape.map((size) => size ?? 1);
    // A bias comes after its layer's weight and has the weight's fan-in.
    const fanIn = shape.length > 1 ? elementCount(shape.slice(1)) : (fanIns.get(node.scope) ?? 1);
    fanIns.set(node.scope, fanIn);
    const bound = 1 / Math.sqrt(fanIn);
    const own = random.fork(index);
    const values = Float32Array.from({ length: elementCount(shape) }, () => own.between(-bound, bound));
    parameters.set(node.parameter, { name: node.parameter, shape, storage: denseStorage(values) });
  }
  return parameters;
}

/** A model of a graph that was built from its widths, with the given or random parameters. */
export function sequentialModel(
  graph: Graph,
  architecture: string,
  config: Readonly<Record<string, AttributeValue>>,
  { weights, seed = 0 }: SequentialWeights,
): Model {
  if (weights !== undefined) checkWeights(graph, weights, architecture);
  return {
    graph,
    parameters: weights ?? randomParameters(graph, seed),
    architecture,
    config: { architectures: [architecture], ...config },
    assets: new Map(),
  };
}
