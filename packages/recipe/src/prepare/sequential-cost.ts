import { elementCount, type GraphNode, inputsOf, lintGraph } from '@tamp/core';
import { chooseTargets, cutWarnings, partitionGraph, type Subgraph } from '@tamp/sequential-pipeline';
import { calibrationBatchSize } from '../data/calibration-batches.js';
import { flowingBytes, valueBytes } from './flowing-bytes.js';
import type { PreparedRecipe } from './prepare-recipe.js';

/** What a sequential calibration holds. */
export interface SequentialCost {
  readonly subgraphs: number;
  /** What is surprising about them, for people. */
  readonly warnings: readonly string[];
  /** Bytes of the weights of the largest subgraph as float32. */
  readonly largestSubgraph: number;
  /** The same among subgraphs in which a modifier works: what it holds for itself comes on top of these. */
  readonly largestRewritten: number;
  /** Bytes of the values between two subgraphs at their most, over all calibration windows. */
  readonly intermediates: number;
  /** Windows that go through a subgraph at a time, and most bytes of the values they have on their way. */
  readonly batchSize: number;
  readonly flowing: number;
}

const bytesPerNumber = 4;

/** Bytes of the values that enter a subgraph for one window of `tokens` tokens. */
function enteringBytes({ graph }: Subgraph, tokens: number): ReadonlyMap<string, number> {
  const bytes = new Map<string, number>();
  for (const node of graph.nodes) {
    if (node.kind !== 'input') continue;
    bytes.set(node.name, valueBytes(node.type, { windows: 1, tokens }));
  }
  return bytes;
}

function parameterBytes(nodes: readonly GraphNode[]): number {
  return nodes.reduce(
    (sum, node) =>
      node.kind === 'parameter'
        ? sum + bytesPerNumber * elementCount(node.type.shape.map((size) => size ?? 0))
        : sum,
    0,
  );
}

function weightBytes({ graph }: Subgraph): number {
  return parameterBytes(graph.nodes);
}

/** Whether a node is one of these parameters. */
function isOneOf(node: GraphNode, parameters: ReadonlySet<string>): boolean {
  return node.kind === 'parameter' && parameters.has(node.parameter);
}

/** What calibrating a prepared recipe block by block holds at its peak; undefined where it does not. */
export function sequentialCost(prepared: PreparedRecipe): SequentialCost | undefined {
  const { recipe, model, calibration, modifiers } = prepared;
  if (calibration === undefined || recipe.pipeline.kind === 'basic') return undefined;
  const rewritten = new Set(modifiers.flatMap(({ plan }) => plan.targets.map(({ parameter }) => parameter)));
  const targets = chooseTargets(model.graph, recipe.pipeline);
  const subgraphs = partitionGraph(model.graph, targets, recipe.pipeline);
  const entering = subgraphs.map((subgraph) => enteringBytes(subgraph, calibration.length));
  const sum = (bytes: Iterable<number>): number => [...bytes].reduce((a, b) => a + b, 0);
  // While a subgraph runs, what it reads is still there and what the next one reads is being made.
  const peaks = entering.map((bytes, i) =>
    sum(new Map([...bytes, ...(entering[i + 1] ?? new Map<string, number>())]).values()),
  );
  // Nothing flows further than the last layer that is observed: what follows it, such as the head, is neither read nor
  // computed.
  const reached = subgraphs.map(({ graph }, i) => {
    if (i < subgraphs.length - 1) return graph.nodes;
    const seen = new Set(graph.nodes.flatMap((node) => (isOneOf(node, rewritten) ? [node.name] : [])));
    const last = graph.nodes.findLastIndex((node) => inputsOf(node).some((input) => seen.has(input)));
    return graph.nodes.slice(0, last + 1);
  });
  const types = lintGraph(model.graph);
  const batchSize = calibrationBatchSize(calibration, recipe.pipeline.batchSize);
  const text = { windows: batchSize, tokens: calibration.length };
  return {
    subgraphs: subgraphs.length,
    warnings: cutWarnings(model.graph, targets, subgraphs, recipe.pipeline),
    batchSize,
    flowing: Math.max(...subgraphs.map((subgraph, i) => flowingBytes(subgraph, reached[i], types, text))),
    largestSubgraph: Math.max(...subgraphs.map(weightBytes)),
    largestRewritten: Math.max(
      0,
      ...reached.map((nodes) => (nodes.some((node) => isOneOf(node, rewritten)) ? parameterBytes(nodes) : 0)),
    ),
    intermediates: calibration.count * Math.max(...peaks),
  };
}
