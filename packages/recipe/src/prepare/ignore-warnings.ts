import { enclosingScopes, type Graph, TampError, unmatchedPatterns } from '@tamp/core';
import type { RecipeDocument, RecipePath } from '../document/recipe-document.js';
import { closestWord } from '../errors/closest-word.js';
import type { Recipe } from '../schema/recipe-schema.js';

/** The pattern as it matches whatever encloses what is named: layers are matched by their full names. */
function anywhere(pattern: string): string {
  return pattern.startsWith('re:') ? `re:.*${pattern.slice(3)}` : `*.${pattern}`;
}

/** Names, operators and types of the model's layers and of the modules around them. */
function namesOf(graph: Graph): readonly string[] {
  const names = new Set<string>();
  for (const node of graph.nodes) {
    if (node.kind !== 'operator') continue;
    for (const path of enclosingScopes(node.scope)) names.add(path);
    if (node.scope === '') names.add(node.name);
  }
  const types = [...names].flatMap((path) => graph.scopes[path] ?? []);
  const operators = graph.nodes.flatMap((node) => (node.kind === 'operator' ? [node.operator] : []));
  return [...new Set([...names, ...operators, ...types])];
}

function remedyFor(pattern: string, graph: Graph): string {
  const wider = anywhere(pattern);
  if (unmatchedPatterns(graph, [wider]).length === 0) return `Did you mean "${wider}"?`;
  const near = closestWord(pattern, namesOf(graph));
  return near === undefined ? 'Correct it, or take it out.' : `Did you mean ${near}?`;
}

/** The patterns in a value that recipes give under `ignore`; other kinds of values are the modifier's own affair. */
function patternsIn(value: unknown): readonly string[] {
  const isList = Array.isArray(value) && value.every((pattern) => typeof pattern === 'string');
  return isList ? value : [];
}

/**
 * A sentence for each pattern under `ignore`, of a modifier or of a pipeline that calibrates, that matches nothing in the
 * model: with its place in the recipe, the modifier, and the layer that is most likely meant.
 */
export function ignoreWarnings(
  { modifiers, pipeline }: Recipe,
  calibrates: boolean,
  graph: Graph,
  document: RecipeDocument,
): readonly string[] {
  const warningsAt = (path: RecipePath, given: unknown, modifier?: string): readonly string[] => {
    const patterns = patternsIn(given);
    return unmatchedPatterns(graph, patterns).map((pattern) => {
      const at = document.locate([...path, 'ignore', patterns.indexOf(pattern)]);
      return new TampError(`the ignore pattern ${pattern} matches no layer`, {
        code: 'usage',
        at: { ...at, ...(modifier === undefined ? {} : { modifier }) },
        remedy: remedyFor(pattern, graph),
      }).message;
    });
  };
  return [
    ...modifiers.flatMap(({ use, options }, i) => warningsAt(['modifiers', i], options.ignore, use)),
    ...(calibrates ? warningsAt(['pipeline'], pipeline.ignore) : []),
  ];
}
