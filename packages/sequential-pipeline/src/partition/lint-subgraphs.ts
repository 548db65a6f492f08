import { type Graph, inputsOf, lintGraph, TampError, usersByName } from '@tamp/core';
import { crossingName, type Subgraph } from './subgraph.js';

function fail(subgraph: Subgraph, problem: string): never {
  throw new TampError(`malformed subgraph: ${problem}`, { code: 'internal', at: { layer: subgraph.name } });
}

function sameSet(a: Iterable<string>, b: Iterable<string>): boolean {
  const [left, right] = [new Set(a), new Set(b)];
  return left.size === right.size && [...left].every((name) => right.has(name));
}

function checkLists(subgraph: Subgraph): void {
  for (const list of ['inputs', 'outputs', 'consumed', 'targets'] as const) {
    if (new Set(subgraph[list]).size !== subgraph[list].length) fail(subgraph, `${list} holds a name twice`);
  }
}

/** A node a is among b's inputs exactly if b is among a's users. */
function checkUsers(subgraph: Subgraph): void {
  const users = usersByName(subgraph.graph);
  for (const node of subgraph.graph.nodes) {
    for (const input of inputsOf(node)) {
      const count = users.get(input)?.filter((user) => user === node).length;
      if (count !== 1) fail(subgraph, `${node.name} reads ${input}, which knows it ${count ?? 0} times`);
    }
  }
}

function checkInterface(graph: Graph, subgraph: Subgraph): void {
  const names = (kind: 'input' | 'output'): string[] =>
    subgraph.graph.nodes.flatMap((node) => (node.kind === kind ? [node.name] : []));
  if (!sameSet(names('input'), subgraph.inputs)) fail(subgraph, 'its inputs are not those it declares');
  const own = graph.nodes.flatMap((node) =>
    node.kind === 'output' && subgraph.nodes.has(node.name) ? [node.name] : [],
  );
  if (!sameSet(names('output'), [...own, ...subgraph.outputs.map(crossingName)])) {
    fail(subgraph, 'its outputs are not those it declares');
  }
}

/**
 * Checks that subgraphs are well formed together: every node of the graph belongs to exactly one; each is a
 * well-formed graph of its own with the inputs and outputs it declares (a part that gives nothing, because nobody
 * needs it, aside); every input is there when its turn comes and nothing is read after it was consumed. Throws a
 * `TampError` (`internal`) that names the subgraph at fault.
 */
export function lintSubgraphs(graph: Graph, subgraphs: readonly Subgraph[]): void {
  const owned = new Set<string>();
  const available = new Set(graph.nodes.flatMap((node) => (node.kind === 'input' ? [node.name] : [])));
  for (const subgraph of subgraphs) {
    checkLists(subgraph);
    checkInterface(graph, subgraph);
    checkUsers(subgraph);
    if (subgraph.graph.nodes.some((node) => node.kind === 'output')) lintGraph(subgraph.graph);
    for (const name of subgraph.nodes) {
      if (owned.has(name)) fail(subgraph, `${name} belongs to two subgraphs`);
      owned.add(name);
    }
    for (const name of subgraph.inputs) {
      if (!available.has(name)) fail(subgraph, `it reads ${name}, which is not there`);
    }
    for (const name of subgraph.outputs) available.add(name);
    for (const name of subgraph.consumed) {
      if (!subgraph.inputs.includes(name)) fail(subgraph, `it consumes ${name}, which it does not read`);
      available.delete(name);
    }
  }
  const missing = graph.nodes.find(({ name }) => !owned.has(name));
  if (missing !== undefined) {
    throw new TampError(`${missing.name} belongs to no subgraph`, { code: 'internal' });
  }
}
