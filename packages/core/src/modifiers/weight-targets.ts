import { TampError } from '../errors/tamp-error.js';
import {
  type Graph,
  inputsOf,
  nodesByName,
  type OperatorNode,
  type ParameterNode,
  usersByName,
} from '../graph/graph.js';
import { matchOperators, type TargetSelection } from '../graph/targets.js';
import type { Model } from '../model/model.js';
import { operators } from '../operators/registry.js';
import type { Parameter } from '../parameters/parameter.js';

/** A layer whose weight a modifier may quantize. */
export interface WeightTarget {
  /** Name of the layer: the operator's scope, or its own name where it has none. */
  readonly layer: string;
  readonly node: OperatorNode;
  readonly parameter: Parameter;
}

/** Index of the input that is a layer's weight. */
const weightInput = 1;

function weightNode(graph: Graph, node: OperatorNode): ParameterNode | undefined {
  const source = nodesByName(graph).get(node.inputs[weightInput] ?? '');
  return source?.kind === 'parameter' ? source : undefined;
}

/** Refuses a weight with a user that cannot read it quantized. */
function checkUsers(
  graph: Graph,
  target: OperatorNode,
  weight: ParameterNode,
  kinds: readonly string[],
): void {
  for (const user of usersByName(graph).get(weight.name) ?? []) {
    const packed = user.kind === 'operator' ? operators.get(user.operator).quantizedInputs : undefined;
    const chosen = user.kind === 'operator' && kinds.includes(user.operator);
    const reads = inputsOf(user).every(
      (input, i) => input !== weight.name || packed?.[i] !== undefined || (chosen && i === weightInput),
    );
    if (reads) continue;
    const name = target.scope === '' ? target.name : target.scope;
    throw new TampError(
      `its weight ${weight.parameter} is tied to ${user.name}, which cannot read it quantized`,
      {
        code: 'usage',
        at: { layer: name },
        remedy: `Leave it out with ignore: [${name}].`,
      },
    );
  }
}

/**
 * The layers that a selection matches among operators of the given kinds whose weight is a parameter, in graph order;
 * a weight that several matched layers share comes once, with the first. An operator of these kinds counts as one that
 * reads its weight quantized: without a kernel for it, it is expanded for each call. Throws a `TampError` (`usage`) when a target
 * matches nothing, when nothing is left, or when a weight is shared with an operator that cannot read it quantized.
 */
export function chooseWeightTargets(
  model: Model,
  selection: TargetSelection,
  kinds: readonly string[] = ['linear'],
): readonly WeightTarget[] {
  const { graph, parameters } = model;
  const nodes = matchOperators(
    graph,
    selection,
    (node) => kinds.includes(node.operator) && weightNode(graph, node) !== undefined,
  );
  if (nodes.length === 0) {
    throw new TampError('no layer is left after ignore', { code: 'usage', remedy: 'Ignore fewer layers.' });
  }
  const seen = new Set<string>();
  const chosen: WeightTarget[] = [];
  for (const node of nodes) {
    const weight = weightNode(graph, node);
    const parameter = parameters.get(weight?.parameter ?? '');
    if (weight === undefined || parameter === undefined || seen.has(parameter.name)) continue;
    checkUsers(graph, node, weight, kinds);
    seen.add(parameter.name);
    chosen.push({ layer: node.scope === '' ? node.name : node.scope, node, parameter });
  }
  return chosen;
}
