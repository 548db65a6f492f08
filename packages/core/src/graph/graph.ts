/** Data types of values that flow through a graph (those of tfjs that models use). */
export type ValueDtype = 'float32' | 'int32' | 'bool';

/** Type of a value. A dimension of `null` is known only when the graph runs (batch, sequence length). */
export interface ValueType {
  readonly dtype: ValueDtype;
  readonly shape: readonly (number | null)[];
}

/** Attributes of an operator: plain data, so that a graph is JSON. */
export type AttributeValue =
  | string
  | number
  | boolean
  | null
  | readonly AttributeValue[]
  | { readonly [key: string]: AttributeValue };

/** What an operator is told besides its inputs, by name; plain data. */
export type Attributes = Readonly<Record<string, AttributeValue>>;

interface NodeIdentity {
  /** Unique in the graph. */
  readonly name: string;
  /** Path of the module this node belongs to, such as `model.layers.0.self_attn.q_proj`; `''` is the model. */
  readonly scope: string;
}

/** A value the caller feeds. */
export interface InputNode extends NodeIdentity {
  readonly kind: 'input';
  readonly type: ValueType;
}

/** The value of a named parameter. A parameter that two operators use (tied weights) is one such node. */
export interface ParameterNode extends NodeIdentity {
  readonly kind: 'parameter';
  /** Name in the model's parameters. */
  readonly parameter: string;
  readonly type: ValueType;
}

/** An operator of the registry applied to earlier nodes. */
export interface OperatorNode extends NodeIdentity {
  readonly kind: 'operator';
  readonly operator: string;
  /** Names of earlier nodes, in the operator's order. */
  readonly inputs: readonly string[];
  readonly attributes: Attributes;
}

/** A value the graph returns under this node's name. */
export interface OutputNode extends NodeIdentity {
  readonly kind: 'output';
  readonly input: string;
}

/** A node of a {@link Graph}, by `kind`. */
export type GraphNode = InputNode | ParameterNode | OperatorNode | OutputNode;

/** A model's computation: nodes in topological order and the type of each scope. Plain data. */
export interface Graph {
  readonly nodes: readonly GraphNode[];
  /** Scope path → type of that module (`LlamaDecoderLayer`, `Linear`). Every prefix of a path is present. */
  readonly scopes: Readonly<Record<string, string>>;
}

/** Names of the nodes whose values this node reads. */
export function inputsOf(node: GraphNode): readonly string[] {
  if (node.kind === 'operator') return node.inputs;
  return node.kind === 'output' ? [node.input] : [];
}

/** Node by name. */
export function nodesByName(graph: Graph): ReadonlyMap<string, GraphNode> {
  return new Map(graph.nodes.map((node) => [node.name, node]));
}

/** For each node, the nodes that read its value, in graph order and without duplicates. */
export function usersByName(graph: Graph): ReadonlyMap<string, readonly GraphNode[]> {
  const users = new Map<string, GraphNode[]>(graph.nodes.map((node) => [node.name, []]));
  for (const node of graph.nodes) {
    for (const input of new Set(inputsOf(node))) users.get(input)?.push(node);
  }
  return users;
}

/** The scope paths that enclose a path, innermost first, the path itself included: `a.b` → `a.b`, `a`. */
export function enclosingScopes(path: string): readonly string[] {
  const paths: string[] = [];
  for (let rest = path; rest !== ''; rest = rest.slice(0, Math.max(0, rest.lastIndexOf('.'))))
    paths.push(rest);
  return paths;
}
