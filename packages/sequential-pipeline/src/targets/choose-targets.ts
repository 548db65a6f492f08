import { enclosingScopes, type Graph, isTampError, matchScopes, TampError } from '@tamp/core';
import { repeatedBlocks } from './repeated-blocks.js';

/** Which blocks get a subgraph of their own. */
export interface TargetOptions {
  /**
   * Types (`LlamaDecoderLayer`), names, globs or `re:` of modules. At least one must match; the others may be names
   * of blocks that other model families have. Default: the model's own repeated blocks.
   */
  readonly targets?: readonly string[];
  /** The same kinds of patterns; blocks they match get no subgraph of their own. */
  readonly ignore?: readonly string[];
}

/** The scopes a pattern matches; none when it matches nothing. */
function scopesOf(graph: Graph, pattern: string): readonly string[] {
  try {
    return matchScopes(graph, [pattern]);
  } catch (error) {
    // A pattern that is no pattern at all (`re:[`) is an error wherever it stands.
    if (isTampError(error) && error.cause === undefined) return [];
    throw error;
  }
}

function checkDuplicates(patterns: readonly string[]): void {
  const twice = patterns.find((pattern, i) => patterns.indexOf(pattern) !== i);
  if (twice === undefined) return;
  throw new TampError(`the sequential target ${twice} is given twice`, {
    code: 'usage',
    remedy: 'Name each target once, in one place.',
  });
}

/**
 * The blocks that a sequential run stops at, by scope path, in graph order. Of blocks inside one another only the
 * outermost counts: a target is never opened. Throws a `TampError` (`usage`) when no pattern matches, and for one
 * given twice.
 */
export function chooseTargets(graph: Graph, options: TargetOptions = {}): readonly string[] {
  const { targets, ignore = [] } = options;
  const chosen = new Set<string>();
  if (targets === undefined) {
    for (const path of repeatedBlocks(graph)) chosen.add(path);
  } else {
    checkDuplicates(targets);
    for (const pattern of targets) for (const path of scopesOf(graph, pattern)) chosen.add(path);
    // Says what the model has instead.
    if (chosen.size === 0) matchScopes(graph, targets);
  }
  for (const pattern of ignore) for (const path of scopesOf(graph, pattern)) chosen.delete(path);
  return Object.keys(graph.scopes).filter(
    (path) =>
      chosen.has(path) &&
      !enclosingScopes(path)
        .slice(1)
        .some((outer) => chosen.has(outer)),
  );
}
