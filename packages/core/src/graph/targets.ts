import { TampError } from '../errors/tamp-error.js';
import { globToRegExp, isGlob } from './glob.js';
import { enclosingScopes, type Graph, type OperatorNode } from './graph.js';

/** What a modifier works on: patterns that select, and patterns that take away again. */
export interface TargetSelection {
  /**
   * Each is one of: an operator (`linear`), the type of a module (`LlamaDecoderLayer`, `Linear`), the name of a
   * module (`model.layers.0.self_attn.q_proj`), a glob over names (`model.layers.*.mlp.*`, `*` crosses dots), or
   * `re:` and a regular expression that must match from the start of the name. A type or name of an enclosing
   * module selects everything inside it.
   */
  readonly targets: readonly string[];
  /** The same kinds of patterns; what they match is left alone. */
  readonly ignore?: readonly string[];
}

/** Whether one pattern matches a name of the given type. */
type Matcher = (name: string, type: string | undefined) => boolean;

function compile(pattern: string): Matcher {
  if (pattern.startsWith('re:')) {
    let expression: RegExp;
    try {
      expression = new RegExp(`^(?:${pattern.slice(3)})`);
    } catch (cause) {
      throw new TampError(`${pattern} is not a regular expression`, {
        code: 'usage',
        remedy: 'Correct what follows re:.',
        cause,
      });
    }
    return (name) => expression.test(name);
  }
  if (isGlob(pattern)) {
    const expression = globToRegExp(pattern);
    return (name) => expression.test(name);
  }
  const lower = pattern.toLowerCase();
  return (name, type) => name === pattern || type?.toLowerCase() === lower;
}

function matchesNode(graph: Graph, node: OperatorNode, pattern: string, matches: Matcher): boolean {
  if (matches(node.name, node.operator)) return true;
  return enclosingScopes(node.scope).some((path) => {
    // A regular expression speaks of the module itself; it would match an enclosing name by accident.
    if (path !== node.scope && pattern.startsWith('re:')) return false;
    return matches(path, graph.scopes[path]);
  });
}

function unmatched(pattern: string, names: readonly string[]): TampError {
  const some = names.slice(0, 6).join(', ');
  return new TampError(`the target ${pattern} matches nothing`, {
    code: 'usage',
    remedy:
      names.length === 0
        ? 'This model has no such layers at all.'
        : `This model has for example: ${some}${names.length > 6 ? ', …' : ''}.`,
  });
}

/**
 * The operators among `candidates` that the selection matches, in graph order. Throws a `TampError` (`usage`) for
 * a target that matches none of them; an `ignore` pattern may match nothing, see {@link unmatchedPatterns}.
 */
export function matchOperators(
  graph: Graph,
  selection: TargetSelection,
  candidates: (node: OperatorNode) => boolean,
): readonly OperatorNode[] {
  const nodes = graph.nodes.filter((node) => node.kind === 'operator').filter(candidates);
  const chosen = new Set<OperatorNode>();
  for (const pattern of selection.targets) {
    const matches = compile(pattern);
    const found = nodes.filter((node) => matchesNode(graph, node, pattern, matches));
    if (found.length === 0) {
      throw unmatched(pattern, [...new Set(nodes.map((node) => node.scope || node.name))]);
    }
    for (const node of found) chosen.add(node);
  }
  for (const pattern of selection.ignore ?? []) {
    const matches = compile(pattern);
    for (const node of chosen) if (matchesNode(graph, node, pattern, matches)) chosen.delete(node);
  }
  return nodes.filter((node) => chosen.has(node));
}

/**
 * Those of the patterns that match no operator of a graph, of whatever kind, and no module that holds one: most likely
 * mistyped. Throws a `TampError` (`usage`) for what is no pattern.
 */
export function unmatchedPatterns(graph: Graph, patterns: readonly string[]): readonly string[] {
  const nodes = graph.nodes.filter((node) => node.kind === 'operator');
  return patterns.filter((pattern) => {
    const matches = compile(pattern);
    return !nodes.some((node) => matchesNode(graph, node, pattern, matches));
  });
}

/**
 * The scopes (modules) whose own name or type a pattern matches, in the order of the graph's scopes. Throws a
 * `TampError` (`usage`) for a pattern that matches none.
 */
export function matchScopes(graph: Graph, patterns: readonly string[]): readonly string[] {
  const chosen = new Set<string>();
  for (const pattern of patterns) {
    const matches = compile(pattern);
    const found = Object.keys(graph.scopes).filter((path) => matches(path, graph.scopes[path]));
    if (found.length === 0) throw unmatched(pattern, [...new Set(Object.values(graph.scopes))]);
    for (const path of found) chosen.add(path);
  }
  return Object.keys(graph.scopes).filter((path) => chosen.has(path));
}
