import { elementCount, enclosingScopes, type Graph } from '@tamp/core';
import type { PartitionOptions } from '../partition/partition-graph.js';
import type { Subgraph } from '../partition/subgraph.js';
import { repeatedBlocks } from './repeated-blocks.js';

/** A target with more of the model's operators than this does little to bound memory. */
const largeShare = 0.5;

/** Weights of fewer elements (64 MB of float32) are held together at no cost worth a word. */
const largeModelElements = 2 ** 24;

function weightElements(graph: Graph): number {
  return graph.nodes.reduce(
    (sum, node) => (node.kind === 'parameter' ? sum + elementCount(node.type.shape.map((n) => n ?? 1)) : sum),
    0,
  );
}

function isInside(path: string, outer: string): boolean {
  return path !== outer && enclosingScopes(path).includes(outer);
}

function listed(names: readonly string[]): string {
  return names.length > 3 ? `${names.slice(0, 3).join(', ')}, …` : names.join(', ');
}

/**
 * What is surprising about how targets cut a model, in sentences for people: a large model has none, some hold nothing,
 * or one holds most of the model although it consists of blocks that would do.
 */
export function cutWarnings(
  graph: Graph,
  targets: readonly string[],
  subgraphs: readonly Subgraph[],
  { targetsPerSubgraph = 1 }: PartitionOptions = {},
): readonly string[] {
  if (targets.length === 0) {
    if (weightElements(graph) < largeModelElements) return [];
    return [
      'The model is calibrated as one part, and all its weights are in memory together: no block is a target. Name modules of it as targets.',
    ];
  }
  const warnings: string[] = [];
  const expected = Math.ceil(targets.length / targetsPerSubgraph) + 1;
  const held = new Set(subgraphs.flatMap((subgraph) => subgraph.targets));
  const empty = targets.filter((target) => !held.has(target));
  if (subgraphs.length !== expected || empty.length > 0) {
    warnings.push(
      `The model is cut into ${subgraphs.length} parts, not ${expected}: the targets ${listed(empty)} hold no operators.`,
    );
  }
  const operators = graph.nodes.filter(({ kind }) => kind === 'operator');
  for (const target of held) {
    const inside = operators.filter(({ scope }) => enclosingScopes(scope).includes(target));
    const share = inside.length / operators.length;
    if (share <= largeShare) continue;
    const blocks = repeatedBlocks(graph).filter((path) => isInside(path, target));
    if (blocks.length < 2) continue;
    warnings.push(
      `The target ${target} holds ${Math.round(share * 100)}% of the model's operators, and all its weights are in memory together: its ${blocks.length} blocks of type ${graph.scopes[blocks[0]]} would do with less.`,
    );
  }
  return warnings;
}
