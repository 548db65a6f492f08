import { type Graph, inputsOf, type OperatorNode } from '@tamp/core';
import { mutualTargets, type TargetBlock } from './target-blocks.js';

/** Where each operator runs, and how many partitions there are. */
export interface Assignment {
  /** Operator → index of its partition. */
  readonly partitionOf: ReadonlyMap<string, number>;
  /** Targets of each partition, in the order they run. */
  readonly targets: readonly (readonly string[])[];
}

/** Refuses blocks that wait for each other. `stack` ends with what waits for `wanted`, which is further down in it. */
function checkAcyclic(
  stack: readonly (readonly string[])[],
  wanted: string,
  blockOf: ReadonlyMap<string, TargetBlock>,
): void {
  const from = stack.findIndex((members) => members.includes(wanted));
  if (from === -1) return;
  const targets = stack.slice(from).flatMap(([name]) => blockOf.get(name)?.target ?? []);
  throw mutualTargets(targets[0], targets[targets.length - 1]);
}

/** Blocks and single operators such that each comes after all whose values it needs; ties go by graph order. */
function inOrder(
  operators: readonly OperatorNode[],
  blockOf: ReadonlyMap<string, TargetBlock>,
): readonly (readonly string[])[] {
  const inputs = new Map(operators.map((node) => [node.name, inputsOf(node)]));
  const done = new Set<string>();
  const ordered: (readonly string[])[] = [];
  const membersOf = (name: string): readonly string[] => blockOf.get(name)?.nodes ?? [name];
  for (const { name } of operators) {
    // Depth first with a stack of its own: models are thousands of operators deep.
    const stack = [membersOf(name)];
    while (stack.length > 0) {
      const members = stack[stack.length - 1];
      const missing = members
        .flatMap((member) => inputs.get(member) ?? [])
        .find((input) => inputs.has(input) && !done.has(input) && !members.includes(input));
      if (missing !== undefined) {
        checkAcyclic(stack, missing, blockOf);
        stack.push(membersOf(missing));
        continue;
      }
      stack.pop();
      if (done.has(members[0])) continue;
      for (const member of members) done.add(member);
      ordered.push(members);
    }
  }
  return ordered;
}

/**
 * Gives each operator a partition: `perSubgraph` target blocks open a new one, and any other operator runs in the
 * earliest partition that has all its inputs. So n targets make ceil(n / perSubgraph) + 1 partitions, the first of
 * which holds what comes before every target. Throws a `TampError` (`usage`) when two targets need each other.
 */
export function assignPartitions(
  graph: Graph,
  blocks: readonly TargetBlock[],
  perSubgraph: number,
): Assignment {
  const operators = graph.nodes.filter((node) => node.kind === 'operator');
  const inputs = new Map(operators.map((node) => [node.name, inputsOf(node)]));
  const blockOf = new Map(blocks.flatMap((block) => block.nodes.map((name) => [name, block] as const)));
  const partitionOf = new Map<string, number>();
  const targets: string[][] = [[]];
  let opened = 0;
  for (const members of inOrder(operators, blockOf)) {
    const block = blockOf.get(members[0]);
    let partition = 0;
    if (block === undefined) {
      for (const input of inputs.get(members[0]) ?? []) {
        partition = Math.max(partition, partitionOf.get(input) ?? 0);
      }
    } else {
      if (opened % perSubgraph === 0) targets.push([]);
      opened++;
      partition = targets.length - 1;
      targets[partition].push(block.target);
    }
    for (const member of members) partitionOf.set(member, partition);
  }
  return { partitionOf, targets };
}
