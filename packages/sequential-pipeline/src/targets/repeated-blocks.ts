import { enclosingScopes, type Graph } from '@tamp/core';

/** Operators inside each scope, scopes within it included. */
function operatorCounts(graph: Graph): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { kind, scope } of graph.nodes) {
    if (kind !== 'operator') continue;
    for (const path of enclosingScopes(scope)) counts.set(path, (counts.get(path) ?? 0) + 1);
  }
  return counts;
}

/**
 * The model's own repeated blocks: modules of one type that a list holds by number (`model.layers.0`,
 * `model.layers.1` …). Of several such lists, the one whose blocks hold most of the model's operators. Empty when
 * there is none.
 */
export function repeatedBlocks(graph: Graph): readonly string[] {
  const counts = operatorCounts(graph);
  const lists = new Map<string, string[]>();
  for (const [path, type] of Object.entries(graph.scopes)) {
    const dot = path.lastIndexOf('.');
    if (!/^\d+$/.test(path.slice(dot + 1)) || (counts.get(path) ?? 0) === 0) continue;
    const list = `${path.slice(0, Math.max(dot, 0))} ${type}`;
    lists.set(list, [...(lists.get(list) ?? []), path]);
  }
  let best: readonly string[] = [];
  let most = 0;
  for (const paths of lists.values()) {
    const held = paths.reduce((sum, path) => sum + (counts.get(path) ?? 0), 0);
    // Lists come outer first, so an inner one must hold more to win.
    if (paths.length > 1 && held > most) {
      best = paths;
      most = held;
    }
  }
  return best;
}
