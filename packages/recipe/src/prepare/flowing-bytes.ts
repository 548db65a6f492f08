import { elementCount, type GraphNode, inputsOf, type ValueType } from '@tamp/core';
import type { Subgraph } from '@tamp/sequential-pipeline';

const bytesPerNumber = 4;

/** How much text goes through at a time. */
export interface FlowingText {
  readonly windows: number;
  /** Tokens of one window. */
  readonly tokens: number;
}

/** Bytes of a value; sizes that are not fixed are the number of windows and their length. */
export function valueBytes({ shape }: ValueType, { windows, tokens }: FlowingText): number {
  return bytesPerNumber * elementCount(shape.map((size, i) => size ?? (i === 0 ? windows : tokens)));
}

/**
 * Most bytes that the values of a subgraph hold at a time while text goes through its first `nodes`: what enters stays,
 * what an operator makes is freed after its last reader.
 */
export function flowingBytes(
  { inputs }: Subgraph,
  nodes: readonly GraphNode[],
  types: ReadonlyMap<string, ValueType>,
  text: FlowingText,
): number {
  const bytesOf = (name: string): number => {
    const type = types.get(name);
    return type === undefined ? 0 : valueBytes(type, text);
  };
  const lastReader = new Map(nodes.flatMap((node) => inputsOf(node).map((input) => [input, node.name])));
  let held = inputs.reduce((sum, name) => sum + bytesOf(name), 0);
  let most = held;
  const made = new Set<string>();
  for (const node of nodes) {
    if (node.kind === 'operator') {
      made.add(node.name);
      held += bytesOf(node.name);
      most = Math.max(most, held);
    }
    for (const input of new Set(inputsOf(node))) {
      if (made.has(input) && lastReader.get(input) === node.name) held -= bytesOf(input);
    }
  }
  return most;
}
