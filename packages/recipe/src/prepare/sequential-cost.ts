import { elementCount } from '@tamp/core';
import { chooseTargets, partitionGraph, type Subgraph } from '@tamp/sequential-pipeline';
import type { PreparedRecipe } from './prepare-recipe.js';

/** What a sequential calibration holds. */
export interface SequentialCost {
  readonly subgraphs: number;
  /** Bytes of the weights of the largest subgraph as float32. */
  readonly largestSubgraph: number;
  /** Bytes of the values between two subgraphs at their most, over all calibration windows. */
  readonly intermediates: number;
}

const bytesPerNumber = 4;

/** Bytes of the values that enter a subgraph for one window of `tokens` tokens. */
function enteringBytes({ graph }: Subgraph, tokens: number): ReadonlyMap<string, number> {
  const bytes = new Map<string, number>();
  for (const node of graph.nodes) {
    if (node.kind !== 'input') continue;
    // Unknown sizes are the batch, which is one window, and the sequence.
    const shape = node.type.shape.map((size, i) => size ?? (i === 0 ? 1 : tokens));
    bytes.set(node.name, bytesPerNumber * elementCount(shape));
  }
  return bytes;
}

function weightBytes({ graph }: Subgraph): number {
  return graph.nodes.reduce(
    (sum, node) =>
      node.kind === 'parameter'
        ? sum + bytesPerNumber * elementCount(node.type.shape.map((size) => size ?? 0))
        : sum,
    0,
  );
}

/** What calibrating a prepared recipe block by block holds at its peak; zeros when it does not calibrate. */
export function sequentialCost({ recipe, model, calibration }: PreparedRecipe): SequentialCost {
  if (calibration === undefined) return { subgraphs: 0, largestSubgraph: 0, intermediates: 0 };
  const targets = chooseTargets(model.graph, recipe.pipeline);
  const subgraphs = partitionGraph(model.graph, targets, recipe.pipeline);
  const entering = subgraphs.map((subgraph) => enteringBytes(subgraph, calibration.length));
  const sum = (bytes: Iterable<number>): number => [...bytes].reduce((a, b) => a + b, 0);
  // While a subgraph runs, what it reads is still there and what the next one reads is being made.
  const peaks = entering.map((bytes, i) =>
    sum(new Map([...bytes, ...(entering[i + 1] ?? new Map<string, number>())]).values()),
  );
  return {
    subgraphs: subgraphs.length,
    largestSubgraph: Math.max(...subgraphs.map(weightBytes)),
    intermediates: calibration.count * Math.max(...peaks),
  };
}
