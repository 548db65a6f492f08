import { TampError } from '../errors/tamp-error.js';
import { type OperatorRegistry, operators } from '../operators/registry.js';
import { enclosingScopes, type Graph, inputsOf, type ValueType } from './graph.js';

function fail(problem: string, layer: string): never {
  throw new TampError(`malformed graph: ${problem}`, {
    code: 'format',
    at: { layer },
    remedy: 'A rewrite or the file that holds this graph is defective; report it to its author.',
  });
}

/**
 * Checks that a graph is well formed and returns the type of every value: names are unique, every input is an
 * earlier node that has a value, operators are known and accept their inputs' types, scopes are declared, and
 * there is an output. Throws a `TampError` (`format`, or `unsupported` for an unknown operator) that names the
 * first node at fault.
 */
export function lintGraph(
  graph: Graph,
  registry: OperatorRegistry = operators,
): ReadonlyMap<string, ValueType> {
  const types = new Map<string, ValueType>();
  const names = new Set<string>();
  const parameters = new Set<string>();
  let outputs = 0;
  for (const node of graph.nodes) {
    if (names.has(node.name)) fail('the name is used twice', node.name);
    names.add(node.name);
    for (const scope of enclosingScopes(node.scope)) {
      if (!Object.hasOwn(graph.scopes, scope)) fail(`scope ${scope} is not declared`, node.name);
    }
    const inputs = inputsOf(node).map((input) => {
      const type = types.get(input);
      if (type === undefined) {
        fail(
          names.has(input) ? `${input} has no value` : `reads ${input}, which is no earlier node`,
          node.name,
        );
      }
      return type;
    });
    switch (node.kind) {
      case 'input':
        types.set(node.name, node.type);
        break;
      case 'parameter':
        if (parameters.has(node.parameter)) fail(`parameter ${node.parameter} has two nodes`, node.name);
        parameters.add(node.parameter);
        types.set(node.name, node.type);
        break;
      case 'operator':
        types.set(node.name, registry.infer(node.operator, inputs, node.attributes, node.name));
        break;
      case 'output':
        outputs++;
        break;
    }
  }
  if (outputs === 0) fail('it has no output', 'graph');
  return types;
}
