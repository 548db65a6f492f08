import { TampError } from '../errors/tamp-error.js';
import { type OperatorRegistry, operators } from '../operators/registry.js';
import type { Attributes, Graph, GraphNode, ValueType } from './graph.js';
import { lintGraph } from './lint.js';

/** A symbolic value: what a builder passes around where a run passes tensors. */
export interface SymbolicValue {
  readonly node: string;
  readonly type: ValueType;
}

/** Records operators applied to symbolic values as a graph. */
export interface GraphBuilder {
  /** Declares a value the caller feeds. */
  input(name: string, type: ValueType): SymbolicValue;
  /** The value of a parameter; asking twice for the same name gives the same value (a tied parameter). */
  parameter(name: string, shape: readonly number[]): SymbolicValue;
  /** Applies an operator. Throws a `TampError` when the shapes do not fit. */
  apply(operator: string, inputs: readonly SymbolicValue[], attributes?: Attributes): SymbolicValue;
  /** Records `body` inside the module `name` (dots make a path) of the given type, below the current scope. */
  scope<T>(name: string, type: string, body: () => T): T;
  /** Path of the current scope; `''` at the top. */
  readonly path: string;
  /** Declares a result. */
  output(name: string, value: SymbolicValue): void;
  /** The graph, linted. */
  build(): Graph;
}

/** Starts a graph. `registry` holds the operators that may be applied. */
export function createGraphBuilder(registry: OperatorRegistry = operators): GraphBuilder {
  const nodes: GraphNode[] = [];
  const scopes: Record<string, string> = {};
  const names = new Set<string>();
  const parameters = new Map<string, SymbolicValue>();
  let path = '';

  const claim = (wanted: string): string => {
    let name = wanted;
    for (let n = 1; names.has(name); n++) name = `${wanted}_${n}`;
    names.add(name);
    return name;
  };
  const claimExactly = (name: string): string => {
    if (names.has(name))
      throw new TampError(`the graph has a node named ${name} already`, { code: 'internal' });
    names.add(name);
    return name;
  };

  return {
    get path() {
      return path;
    },
    input(name, type) {
      nodes.push({ kind: 'input', name: claimExactly(name), scope: path, type });
      return { node: name, type };
    },
    parameter(parameter, shape) {
      const known = parameters.get(parameter);
      if (known !== undefined) return known;
      const type: ValueType = { dtype: 'float32', shape };
      const name = claim(parameter);
      nodes.push({ kind: 'parameter', name, scope: path, parameter, type });
      const value = { node: name, type };
      parameters.set(parameter, value);
      return value;
    },
    apply(operatorName, inputs, attributes = {}) {
      const name = claim(path === '' ? operatorName : `${path}.${operatorName}`);
      const type = registry.infer(
        operatorName,
        inputs.map((input) => input.type),
        attributes,
        name,
      );
      nodes.push({
        kind: 'operator',
        name,
        scope: path,
        operator: operatorName,
        inputs: inputs.map((input) => input.node),
        attributes,
      });
      return { node: name, type };
    },
    scope(name, type, body) {
      const outer = path;
      for (const part of name.split('.')) {
        path = path === '' ? part : `${path}.${part}`;
        scopes[path] ??= 'Module';
      }
      scopes[path] = type;
      try {
        return body();
      } finally {
        path = outer;
      }
    },
    output(name, value) {
      nodes.push({ kind: 'output', name: claimExactly(name), scope: path, input: value.node });
    },
    build() {
      const graph: Graph = { nodes, scopes };
      lintGraph(graph, registry);
      return graph;
    },
  };
}
