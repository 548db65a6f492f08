import {
  chooseWeightTargets,
  type Graph,
  type GraphNode,
  type Model,
  nodesByName,
  type OperatorNode,
  type Parameter,
  type TargetSelection,
  usersByName,
} from '@tamp/core';

/** A layer that reads scaled inputs. */
export interface ScaledLayer {
  readonly layer: string;
  readonly parameter: string;
  /** Whether the selection names it; the others are scaled along, because they read the same input. */
  readonly chosen: boolean;
}

/**
 * Linear layers with one input, and what lies in front of them that can take the inverse of a scale per channel: the
 * model computes the same when the layers' columns are multiplied by it and the producer is divided by it.
 */
export interface Fold {
  /** Name of the node that is the layers' input. */
  readonly input: string;
  readonly layers: readonly ScaledLayer[];
  /** Channels of the input. */
  readonly width: number;
  /** Name of the producer, for reports. */
  readonly producer: string;
  /** Operator whose parameters are divided; it must be rewritten together with the layers. */
  readonly producerNode: string;
  /** Parameters whose first dimension is the producer's channels: a norm's weight, or a projection's weight and bias. */
  readonly divided: readonly string[];
  /** Producer's channel of each input channel; several may share one. */
  readonly channelOf: Int32Array;
  readonly channels: number;
}

/** Where the scale of an input goes. */
interface Producer {
  readonly node: OperatorNode;
  readonly divided: readonly string[];
  readonly channelOf: Int32Array;
  readonly channels: number;
}

type Lookup = (name: string) => GraphNode | undefined;

function identity(size: number): Int32Array {
  return Int32Array.from({ length: size }, (_, i) => i);
}

function numberOf(node: OperatorNode, attribute: string): number {
  const value = node.attributes[attribute];
  return typeof value === 'number' ? value : 0;
}

/** The operator in front, if nothing else reads its value. */
function soleSource(
  name: string,
  graph: ReturnType<typeof usersByName>,
  lookup: Lookup,
): OperatorNode | undefined {
  const node = lookup(name);
  return node?.kind === 'operator' && graph.get(name)?.length === 1 ? node : undefined;
}

/**
 * What can take the scale of a linear layer's input. A norm takes it in its weight. Behind a gated unit, the up
 * projection takes it, because the unit is linear in it; behind attention, the value projection does, where the query
 * heads that share a key-value head share its scales too.
 */
function producerOf(
  source: GraphNode | undefined,
  users: ReturnType<typeof usersByName>,
  lookup: Lookup,
): Producer | undefined {
  if (source?.kind !== 'operator') return undefined;
  const ownParameters = (node: OperatorNode): readonly string[] | undefined => {
    const names: string[] = [];
    for (const input of node.inputs.slice(1)) {
      const parameter = lookup(input);
      if (parameter?.kind !== 'parameter' || users.get(input)?.length !== 1) return undefined;
      names.push(parameter.parameter);
    }
    return names;
  };
  const rowsOf = (node: OperatorNode): number => {
    const weight = lookup(node.inputs[1] ?? '');
    return weight?.kind === 'parameter' ? (weight.type.shape[0] ?? 0) : 0;
  };
  if (source.operator === 'rms_norm') {
    const divided = ownParameters(source);
    const channels = rowsOf(source);
    return divided === undefined
      ? undefined
      : { node: source, divided, channelOf: identity(channels), channels };
  }
  if (source.operator === 'swiglu' || source.operator === 'attention') {
    const projection = soleSource(source.inputs[source.operator === 'swiglu' ? 1 : 2], users, lookup);
    if (projection?.operator !== 'linear') return undefined;
    const divided = ownParameters(projection);
    const channels = rowsOf(projection);
    if (divided === undefined) return undefined;
    if (source.operator === 'swiglu')
      return { node: projection, divided, channelOf: identity(channels), channels };
    const [heads, shared, size] = ['heads', 'keyValueHeads', 'headSize'].map((key) => numberOf(source, key));
    const perHead = heads / shared;
    const channelOf = identity(heads * size).map(
      (channel) => Math.floor(channel / size / perHead) * size + (channel % size),
    );
    return { node: projection, divided, channelOf, channels };
  }
  return undefined;
}

function isDense(parameter: Parameter | undefined): boolean {
  return parameter?.storage.kind === 'dense';
}

/** The linear layers that read a value, or undefined when something else reads it too or a weight has other users. */
function readersOf(
  input: string,
  model: Model,
  users: ReturnType<typeof usersByName>,
  lookup: Lookup,
  chosen: ReadonlySet<string>,
): readonly ScaledLayer[] | undefined {
  const layers: ScaledLayer[] = [];
  for (const user of users.get(input) ?? []) {
    if (user.kind !== 'operator' || user.operator !== 'linear') return undefined;
    const weight = lookup(user.inputs[1]);
    const reads = user.inputs.filter((name) => name === input).length;
    if (reads !== 1 || weight?.kind !== 'parameter' || users.get(weight.name)?.length !== 1) return undefined;
    if (!isDense(model.parameters.get(weight.parameter))) return undefined;
    layers.push({
      layer: user.scope === '' ? user.name : user.scope,
      parameter: weight.parameter,
      chosen: chosen.has(user.name),
    });
  }
  return layers;
}

/** The inputs of the selected layers whose scales can be folded away, in graph order. */
export function findFolds(model: Model, selection: TargetSelection): readonly Fold[] {
  const graph: Graph = model.graph;
  const byName = nodesByName(graph);
  const lookup: Lookup = (name) => byName.get(name);
  const users = usersByName(graph);
  const targets = chooseWeightTargets(model, selection);
  const chosen = new Set(targets.map(({ node }) => node.name));
  const folds: Fold[] = [];
  for (const input of new Set(targets.map(({ node }) => node.inputs[0]))) {
    const producer = producerOf(lookup(input), users, lookup);
    const layers = readersOf(input, model, users, lookup, chosen);
    if (producer === undefined || layers === undefined) continue;
    if (!producer.divided.every((name) => isDense(model.parameters.get(name)))) continue;
    folds.push({
      input,
      layers,
      width: producer.channelOf.length,
      producer: producer.node.scope === '' ? producer.node.name : producer.node.scope,
      producerNode: producer.node.name,
      divided: producer.divided,
      channelOf: producer.channelOf,
      channels: producer.channels,
    });
  }
  return folds;
}
