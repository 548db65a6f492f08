import {
  type Graph,
  type GraphNode,
  inputsOf,
  lintGraph,
  type OutputNode,
  TampError,
  type ValueType,
} from '@tamp/core';
import { checkCount } from '../check-count.js';
import { assignPartitions } from './assign-partitions.js';
import { lintSubgraphs } from './lint-subgraphs.js';
import { crossingName, type Subgraph } from './subgraph.js';
import { targetBlocks } from './target-blocks.js';

/** Options of {@link partitionGraph}. */
export interface PartitionOptions {
  /** Target blocks that share a subgraph. Default 1. */
  readonly targetsPerSubgraph?: number;
}

function checkTargets(graph: Graph, targets: readonly string[]): void {
  for (const [i, target] of targets.entries()) {
    const at = { layer: target };
    if (!Object.hasOwn(graph.scopes, target)) {
      throw new TampError('the graph has no module of this name to be a target', {
        code: 'usage',
        at,
        remedy: 'Let chooseTargets find the names that patterns match.',
      });
    }
    if (targets.indexOf(target) !== i) {
      throw new TampError('the target is given twice', { code: 'usage', at, remedy: 'Name it once.' });
    }
  }
}

/** Partition of every node: parameters and inputs belong to their first user, outputs to what they return. */
function partitionsOfNodes(
  graph: Graph,
  partitionOf: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  const all = new Map(partitionOf);
  for (const node of graph.nodes) {
    const at = partitionOf.get(node.name) ?? 0;
    for (const input of inputsOf(node)) {
      if (!partitionOf.has(input)) all.set(input, Math.min(all.get(input) ?? at, at));
    }
  }
  for (const node of graph.nodes) {
    if (node.kind === 'output') all.set(node.name, all.get(node.input) ?? 0);
    else if (!all.has(node.name)) all.set(node.name, 0);
  }
  return all;
}

function subgraphName(targets: readonly string[], next: readonly string[] | undefined): string {
  if (targets.length === 1) return targets[0];
  if (targets.length > 1) return `${targets[0]} to ${targets[targets.length - 1]}`;
  return next === undefined ? 'model' : `before ${next[0]}`;
}

/** What one subgraph reads and gives. */
interface Traffic {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** Values that cross between partitions; the caller's inputs count as inputs wherever they are used. */
function trafficOf(graph: Graph, at: ReadonlyMap<string, number>, count: number): readonly Traffic[] {
  const byName = new Map(graph.nodes.map((node) => [node.name, node]));
  const inputs = Array.from({ length: count }, () => new Set<string>());
  const outputs = Array.from({ length: count }, () => new Set<string>());
  for (const node of graph.nodes) {
    const here = at.get(node.name) ?? 0;
    for (const input of inputsOf(node)) {
      const source = byName.get(input);
      const there = at.get(input) ?? 0;
      if (source?.kind === 'input') inputs[here].add(input);
      else if (source?.kind === 'operator' && there !== here) {
        inputs[here].add(input);
        outputs[there].add(input);
      }
    }
  }
  const sorted = (names: ReadonlySet<string>): readonly string[] =>
    graph.nodes.flatMap(({ name }) => (names.has(name) ? [name] : []));
  return inputs.map((names, i) => ({ inputs: sorted(names), outputs: sorted(outputs[i]) }));
}

function subgraphNodes(
  graph: Graph,
  own: ReadonlySet<string>,
  { inputs, outputs }: Traffic,
  types: ReadonlyMap<string, ValueType>,
): readonly GraphNode[] {
  const entering = new Set(inputs);
  const used = new Set(graph.nodes.flatMap((node) => (own.has(node.name) ? inputsOf(node) : [])));
  const nodes = graph.nodes.flatMap((node): GraphNode[] => {
    if (entering.has(node.name)) {
      const type = types.get(node.name);
      if (type === undefined) throw new TampError(`${node.name} has no type`, { code: 'internal' });
      return [{ kind: 'input', name: node.name, scope: node.scope, type }];
    }
    if (node.kind === 'parameter') return used.has(node.name) ? [node] : [];
    return own.has(node.name) && node.kind !== 'input' ? [node] : [];
  });
  const leaving = outputs.map(
    (input): OutputNode => ({ kind: 'output', name: crossingName(input), scope: '', input }),
  );
  return [...nodes, ...leaving];
}

/**
 * Cuts a graph into subgraphs that run one after the other: executing them in order computes exactly what executing
 * the graph does. Each target block lies whole in one subgraph; see `assignPartitions` for where the rest goes.
 * `targets` are scope paths of the graph; those without operators get no subgraph. Throws a `TampError` (`usage`) when
 * one is no scope of the graph or given twice, and when two need each other.
 */
export function partitionGraph(
  graph: Graph,
  targets: readonly string[],
  options: PartitionOptions = {},
): readonly Subgraph[] {
  const { targetsPerSubgraph = 1 } = options;
  checkCount(targetsPerSubgraph, 'targets per subgraph');
  checkTargets(graph, targets);
  const types = lintGraph(graph);
  const assignment = assignPartitions(graph, targetBlocks(graph, targets), targetsPerSubgraph);
  const count = assignment.targets.length;
  const at = partitionsOfNodes(graph, assignment.partitionOf);
  const traffic = trafficOf(graph, at, count);
  const subgraphs = assignment.targets.map((inside, index): Subgraph => {
    const { inputs, outputs } = traffic[index];
    const later = new Set(traffic.slice(index + 1).flatMap((next) => next.inputs));
    const nodes = new Set(graph.nodes.flatMap(({ name }) => (at.get(name) === index ? [name] : [])));
    return {
      name: subgraphName(inside, assignment.targets[index + 1]),
      targets: inside,
      nodes,
      inputs,
      outputs,
      consumed: inputs.filter((name) => !later.has(name)),
      graph: { nodes: subgraphNodes(graph, nodes, traffic[index], types), scopes: graph.scopes },
    };
  });
  lintSubgraphs(graph, subgraphs);
  return subgraphs;
}
