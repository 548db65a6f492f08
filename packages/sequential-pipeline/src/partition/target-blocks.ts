import { enclosingScopes, type Graph, inputsOf, type OperatorNode, TampError } from '@tamp/core';

/** The operators of a target block, and those between them that must come along. */
export interface TargetBlock {
  /** Scope path of the target. */
  readonly target: string;
  /** Names of its nodes, in graph order. */
  readonly nodes: readonly string[];
}

/** The error for two blocks neither of which can run before the other. */
export function mutualTargets(a: string, b: string): TampError {
  return new TampError(`the targets ${a} and ${b} need each other's values`, {
    code: 'usage',
    at: { layer: a },
    remedy: 'Choose as target the module that encloses both.',
  });
}

/** Names of the operators among `nodes` that some member needs, directly or not, members aside. */
function ancestors(nodes: readonly OperatorNode[], members: ReadonlySet<string>): ReadonlySet<string> {
  const found = new Set<string>();
  for (const node of [...nodes].reverse()) {
    if (!members.has(node.name) && !found.has(node.name)) continue;
    for (const input of node.inputs) if (!members.has(input)) found.add(input);
  }
  return found;
}

/** Names of the operators that need some member, directly or not, members aside. */
function descendants(nodes: readonly OperatorNode[], members: ReadonlySet<string>): ReadonlySet<string> {
  const found = new Set<string>();
  for (const node of nodes) {
    if (members.has(node.name)) continue;
    if (inputsOf(node).some((input) => members.has(input) || found.has(input))) found.add(node.name);
  }
  return found;
}

/**
 * The nodes of each target, in the order of the targets' first operators; targets without operators are left out. An
 * operator outside a target that lies between two of the target's own belongs to it: the block could not run in one
 * piece otherwise. Throws a `TampError` (`usage`) when two targets need each other.
 */
export function targetBlocks(graph: Graph, targets: readonly string[]): readonly TargetBlock[] {
  const operators = graph.nodes.filter((node) => node.kind === 'operator');
  const wanted = new Set(targets);
  const members = new Map<string, Set<string>>();
  const owner = new Map<string, string>();
  for (const { name, scope } of operators) {
    const target = enclosingScopes(scope).find((path) => wanted.has(path));
    if (target === undefined) continue;
    members.set(target, (members.get(target) ?? new Set()).add(name));
    owner.set(name, target);
  }
  return [...members].map(([target, own]) => {
    const before = ancestors(operators, own);
    const after = descendants(operators, own);
    for (const name of before) {
      if (!after.has(name)) continue;
      const other = owner.get(name);
      if (other !== undefined && other !== target) {
        throw mutualTargets(target, other);
      }
      owner.set(name, target);
      own.add(name);
    }
    return { target, nodes: operators.flatMap(({ name }) => (own.has(name) ? [name] : [])) };
  });
}
