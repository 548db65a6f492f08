import { type Graph, matchOperators, replaceOperators, TampError } from '@tamp/core';

/** Operators of int8 layers, and what they were made from. */
const floatOperators: Readonly<Record<string, string>> = {
  int8_linear: 'linear',
  quantized_linear: 'linear',
  quantized_conv2d: 'conv2d',
};

/**
 * Throws a `TampError` (`usage`) for a target that matches layers of the given kinds (`linear`, `conv2d`), all of which
 * are int8 already: by themselves they would count as no layers at all.
 */
export function refuseInt8(graph: Graph, targets: readonly string[], kinds: readonly string[]): void {
  const int8 = new Set<string>();
  const asFloat = replaceOperators(graph, ({ name, operator, attributes }) => {
    const float = floatOperators[operator];
    if (float === undefined) return undefined;
    int8.add(name);
    return { operator: float, attributes };
  });
  for (const target of targets) {
    const found = matchOperators(asFloat, { targets: [target] }, ({ operator }) => kinds.includes(operator));
    if (!found.every(({ name }) => int8.has(name))) continue;
    const [{ scope, name }] = found;
    throw new TampError(`the target ${target} matches only layers that are int8 already`, {
      code: 'usage',
      at: { layer: scope || name },
      remedy: 'Start from the float model.',
    });
  }
}
