import {
  type Graph,
  matchOperators,
  nodesByName,
  type OperatorNode,
  TampError,
  usersByName,
} from '@tamp/core';
import { refuseInt8 } from '../refuse-int8.js';
import { isLayer, type StaticSettings } from './static-options.js';

/** What becomes of one operator when a graph is made int8. */
export type Int8Step =
  /** A linear layer or convolution; `relu` is the ReLU fused into it. */
  | { readonly kind: 'layer'; readonly node: OperatorNode; readonly relu: OperatorNode | undefined }
  /** A sum of two values that are int8. */
  | { readonly kind: 'add'; readonly node: OperatorNode; readonly relu: OperatorNode | undefined }
  /** A sum of an int8 value and a constant: the zero point moves. */
  | { readonly kind: 'shift'; readonly node: OperatorNode; readonly input: string; readonly constant: string }
  /** ReLU, pooling or reshape: levels in, levels out, of the same scale. */
  | { readonly kind: 'pass'; readonly node: OperatorNode };

/** Which operators become int8, and where float values turn into levels. */
export interface Int8Plan {
  /** By the name of the operator's node. */
  readonly steps: ReadonlyMap<string, Int8Step>;
  /** ReLUs that are fused into the step of the node named. */
  readonly fused: ReadonlyMap<string, string>;
  /** Float values that int8 layers read, and the first layer that reads each. */
  readonly quantized: ReadonlyMap<string, OperatorNode>;
  /** Sums with a constant, and the value whose levels they have: one scale has to cover both (as in PyTorch). */
  readonly shifted: ReadonlyMap<string, string>;
}

const passing: readonly string[] = ['relu', 'max_pool2d', 'flatten'];

function chooseTargets(graph: Graph, { targets, ignore }: StaticSettings): ReadonlySet<OperatorNode> {
  const layers = graph.nodes.filter((node) => node.kind === 'operator').filter(isLayer);
  const kinds = [...new Set(layers.map(({ operator }) => operator))];
  refuseInt8(graph, targets ?? kinds, ['linear', 'conv2d']);
  const found = matchOperators(graph, { targets: targets ?? kinds, ignore }, isLayer);
  if (found.length === 0) {
    throw new TampError('there is no linear or conv2d layer to make int8', {
      code: 'usage',
      remedy: 'Ignore fewer layers, or give a model that has some.',
    });
  }
  return new Set(found);
}

/** The constant that an add with one int8 operand adds: a parameter with a single element. */
function constantOperand(graph: Graph, node: OperatorNode): string | undefined {
  const byName = nodesByName(graph);
  return node.inputs.find((name) => {
    const source = byName.get(name);
    return source?.kind === 'parameter' && source.type.shape.every((size) => size === 1);
  });
}

/** Plans the int8 form of a graph. Throws a `TampError` (`usage`) when no layer is chosen. */
export function planInt8(graph: Graph, settings: StaticSettings): Int8Plan {
  const targets = chooseTargets(graph, settings);
  const users = usersByName(graph);
  const steps = new Map<string, Int8Step>();
  const fused = new Map<string, string>();
  const quantized = new Map<string, OperatorNode>();
  const shifted = new Map<string, string>();
  /** Nodes whose value exists as levels, and the value that was observed for their scale. */
  const int8 = new Map<string, string>();

  const reluAfter = (node: OperatorNode): OperatorNode | undefined => {
    const [user, ...others] = users.get(node.name) ?? [];
    return user?.kind === 'operator' && user.operator === 'relu' && others.length === 0 ? user : undefined;
  };
  const take = (step: Int8Step, observed: string): void => {
    steps.set(step.node.name, step);
    int8.set(step.node.name, observed);
  };
  const takeFused = (kind: 'layer' | 'add', node: OperatorNode): void => {
    const relu = reluAfter(node);
    take({ kind, node, relu }, relu?.name ?? node.name);
    if (relu === undefined) return;
    fused.set(relu.name, node.name);
    int8.set(relu.name, relu.name);
  };

  for (const node of graph.nodes) {
    if (node.kind !== 'operator' || fused.has(node.name)) continue;
    if (targets.has(node)) {
      const [input] = node.inputs;
      if (!int8.has(input) && !quantized.has(input)) quantized.set(input, node);
      takeFused('layer', node);
    } else if (node.operator === 'add') {
      const [a, b] = node.inputs;
      const constant = constantOperand(graph, node);
      const input = [a, b].find((name) => int8.has(name));
      if (int8.has(a) && int8.has(b)) {
        takeFused('add', node);
      } else if (constant !== undefined && input !== undefined) {
        const observed = int8.get(input) ?? input;
        take({ kind: 'shift', node, input, constant }, observed);
        shifted.set(node.name, observed);
      }
    } else if (passing.includes(node.operator) && int8.has(node.inputs[0])) {
      take({ kind: 'pass', node }, int8.get(node.inputs[0]) ?? node.inputs[0]);
    }
  }
  return { steps, fused, quantized, shifted };
}

/** Values whose range calibration must find: the name of the node that has them, and the operator they belong to. */
export function observedValues({ steps, quantized }: Int8Plan): ReadonlyMap<string, OperatorNode> {
  const values = new Map(quantized);
  for (const step of steps.values()) {
    if (step.kind === 'layer' || step.kind === 'add')
      values.set(step.relu?.name ?? step.node.name, step.node);
  }
  return values;
}

/** Names of the layers of a plan, in graph order. */
export function plannedLayers({ steps }: Int8Plan): readonly OperatorNode[] {
  return [...steps.values()].filter(({ kind }) => kind === 'layer').map(({ node }) => node);
}
