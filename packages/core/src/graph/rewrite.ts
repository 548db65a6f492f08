import type { Graph, GraphNode, OperatorNode } from './graph.js';

/** The graph with the operators that `change` returns something for replaced; names and order stay. */
export function replaceOperators(
  graph: Graph,
  change: (node: OperatorNode) => Pick<OperatorNode, 'operator' | 'attributes'> | undefined,
): Graph {
  const nodes = graph.nodes.map((node): GraphNode => {
    const changed = node.kind === 'operator' ? change(node) : undefined;
    return changed === undefined || node.kind !== 'operator' ? node : { ...node, ...changed };
  });
  return { ...graph, nodes };
}
