import type { Graph } from '@tamp/core';

/** A part of a model that runs on its own, after those before it. */
export interface Subgraph {
  /** For progress and errors: its targets, or what it precedes. */
  readonly name: string;
  /** Scope paths of the target blocks inside, in the order they run. */
  readonly targets: readonly string[];
  /**
   * Names of the model's nodes that belong to it. Every operator, input and output belongs to one subgraph; a
   * parameter belongs to the earliest that uses it, and others that use it read it again.
   */
  readonly nodes: ReadonlySet<string>;
  /** Values it needs from the caller or from earlier subgraphs, by node name, in graph order. */
  readonly inputs: readonly string[];
  /** Values of its own that later subgraphs need, by node name, in graph order. */
  readonly outputs: readonly string[];
  /** The inputs that no later subgraph needs: they can be dropped once it has run. */
  readonly consumed: readonly string[];
  /**
   * Its nodes as a graph: `inputs` are input nodes of the same names, each of `outputs` an output node named by
   * {@link crossingName}; outputs of the model keep their names.
   */
  readonly graph: Graph;
}

/** Name of the output node through which a value leaves its subgraph. */
export function crossingName(node: string): string {
  return `${node} (crossing)`;
}
