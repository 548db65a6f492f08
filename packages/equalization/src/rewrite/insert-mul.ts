import type { Graph, GraphNode } from '@tamp/core';
import type { Group } from '../groups/group.js';

/** Name of the parameter and of the node of a scale that is multiplied in before a group's layer. */
export function mulNames({ readers }: Group): { readonly parameter: string; readonly node: string } {
  const { name } = readers[0].node;
  return { parameter: `${name}.input_scale`, node: `${name}.mul` };
}

/** Shape in which the scale meets the value: its channels last, or before height and width. */
export function scaleShape({ axis, columns }: Group): readonly number[] {
  return axis === -1 ? [columns] : [columns, 1, 1];
}

/** The graph with a `mul` between a group's value and the layer that reads it. */
export function insertMul(graph: Graph, group: Group): Graph {
  const { parameter, node } = mulNames(group);
  const reader = group.readers[0].node.name;
  const nodes = graph.nodes.flatMap((at): readonly GraphNode[] => {
    if (at.name !== reader || at.kind !== 'operator') return [at];
    const { scope } = at;
    return [
      {
        kind: 'parameter',
        name: parameter,
        scope,
        parameter,
        type: { dtype: 'float32', shape: scaleShape(group) },
      },
      {
        kind: 'operator',
        name: node,
        scope,
        operator: 'mul',
        inputs: [group.value, parameter],
        attributes: {},
      },
      { ...at, inputs: [node, ...at.inputs.slice(1)] },
    ];
  });
  return { ...graph, nodes };
}
