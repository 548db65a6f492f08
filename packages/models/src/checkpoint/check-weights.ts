import { type Graph, TampError } from '@tamp/core';

const namesShown = 6;

function some(names: readonly string[]): string {
  const rest = names.length - namesShown;
  return `${names.slice(0, namesShown).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

/** Tensors that some checkpoints hold beside the weights, and that follow from the config or from ties. */
function isKnownExtra(name: string, graph: Graph): boolean {
  // Buffers that old versions of transformers saved: computed from the config here.
  if (/(^|\.)rotary_emb\.(inv_freq|cos_cached|sin_cached)$/.test(name)) return true;
  // A copy of tied embeddings.
  return name === 'lm_head.weight' && Object.hasOwn(graph.scopes, 'lm_head');
}

/**
 * Checks the names and shapes of a checkpoint's tensors against the parameters of a graph. Throws one `TampError`
 * (`format`) that names what is missing, misshapen and left over. Buffers such as `rotary_emb.inv_freq` and an
 * `lm_head.weight` beside tied embeddings may be left over. `unmapped` are tensors of shards that the index leaves out.
 */
export function checkWeights(
  graph: Graph,
  tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>,
  file: string,
  unmapped: readonly { readonly name: string }[] = [],
): void {
  const missing: string[] = [];
  const misshapen: string[] = [];
  const wanted = new Set<string>();
  for (const node of graph.nodes) {
    if (node.kind !== 'parameter') continue;
    const name = node.parameter;
    wanted.add(name);
    const found = tensors.get(name);
    const shape = node.type.shape.join(', ');
    if (found === undefined) missing.push(name);
    else if (found.shape.join(', ') !== shape) {
      misshapen.push(`${name} (is [${found.shape.join(', ')}], should be [${shape}])`);
    }
  }
  const present = [...tensors.keys(), ...unmapped.map(({ name }) => name)];
  const extra = present.filter((name) => !wanted.has(name) && !isKnownExtra(name, graph));
  const problems = [
    ...(missing.length > 0 ? [`lacks ${missing.length} of its tensors: ${some(missing)}`] : []),
    ...(misshapen.length > 0 ? [`${misshapen.length} have another shape: ${some(misshapen)}`] : []),
    ...(extra.length > 0 ? [`${extra.length} have no place in the model: ${some(extra)}`] : []),
  ];
  if (problems.length === 0) return;
  throw new TampError(`the checkpoint does not fit its config: ${problems.join('; ')}`, {
    code: 'format',
    at: { file },
    remedy: 'Fetch config.json and the weights again, from the same place.',
  });
}
