import { type Graph, type GraphNode, type InputNode, lintGraph, type OperatorNode } from '@tamp/core';
import { type CausalDecoder, causalDecoder } from './causal-decoder.js';

/** Keys or values that one attention operator sees: fed as `past`, given back longer as `present`. */
export interface CacheSlot {
  /** Name of the graph's input, float32 [batch, length, width]. */
  readonly past: string;
  /** Name of the graph's output, float32 [batch, length + added, width]. */
  readonly present: string;
  readonly width: number;
}

/** A decoder's graph with a cache for keys and values. */
export interface CachedGraph {
  readonly graph: Graph;
  /** Input of the new tokens, int32 [batch, added]. */
  readonly tokens: string;
  /** Output of the last new token's logits, float32 [batch, 1, vocabulary]. */
  readonly logits: string;
  readonly vocabulary: number;
  readonly slots: readonly CacheSlot[];
}

/** Names for new nodes: the wanted one, or with a number behind it where it is taken. */
function nameGiver(graph: Graph): (wanted: string) => string {
  const taken = new Set(graph.nodes.map(({ name }) => name));
  return (wanted) => {
    let name = wanted;
    for (let n = 1; taken.has(name); n++) name = `${wanted}_${n}`;
    taken.add(name);
    return name;
  };
}

function operator(
  name: string,
  scope: string,
  rest: Pick<OperatorNode, 'operator' | 'inputs' | 'attributes'>,
): OperatorNode {
  return { kind: 'operator', name, scope, ...rest };
}

/** A slot of the cache, the operator that fills it and the graph's nodes around it. */
interface FilledSlot extends CacheSlot {
  readonly filled: OperatorNode;
}

/** The slots of each attention operator, keys and values. */
function makeSlots(
  { attentions, types }: CausalDecoder,
  giveName: (wanted: string) => string,
): ReadonlyMap<string, readonly [FilledSlot, FilledSlot]> {
  return new Map(
    attentions.map((attention, number) => {
      const slot = (kind: 'keys' | 'values', source: string): FilledSlot => {
        const past = giveName(`past.${number}.${kind}`);
        return {
          past,
          present: giveName(`present.${number}.${kind}`),
          width: types.get(source)?.shape.at(-1) ?? 0,
          filled: operator(giveName(`${attention.name}.${kind}`), attention.scope, {
            operator: 'append_rows',
            inputs: [past, source],
            attributes: {},
          }),
        };
      };
      return [attention.name, [slot('keys', attention.inputs[1]), slot('values', attention.inputs[2])]];
    }),
  );
}

/** Gives each rotary embedding the nodes of its tables; equal rotations share theirs. */
function rotaryTables(
  tokens: InputNode,
  past: string,
  giveName: (wanted: string) => string,
): (rotary: OperatorNode) => { readonly tables: readonly OperatorNode[]; readonly isNew: boolean } {
  const known = new Map<string, readonly OperatorNode[]>();
  return ({ attributes: { frequencies, attentionScale } }) => {
    const key = JSON.stringify([frequencies, attentionScale]);
    const shared = known.get(key);
    if (shared !== undefined) return { tables: shared, isNew: false };
    const tables = ['cos', 'sin'].map((part) =>
      operator(giveName(`rotary.${part}`), '', {
        operator: 'rotary_table',
        inputs: [tokens.name, past],
        attributes: { part, frequencies, attentionScale },
      }),
    );
    known.set(key, tables);
    return { tables, isNew: true };
  };
}

/**
 * Rewrites a causal decoder so that it computes new positions only: every attention reads the keys and values of
 * earlier positions from inputs and gives them back with the new ones, every rotary embedding begins at the length of
 * the cache, and only the last position reaches the logits. Throws a `TampError` (`unsupported`) that says why a graph is
 * no causal decoder.
 */
export function cachedGraph(graph: Graph): CachedGraph {
  const decoder = causalDecoder(graph);
  const { tokens, logits, vocabulary, lastShared } = decoder;
  const giveName = nameGiver(graph);
  const byAttention = makeSlots(decoder, giveName);
  const slots = [...byAttention.values()].flat();
  // All slots have the same length, so any of them says where the new positions begin.
  const tablesOf = rotaryTables(tokens, slots[0].past, giveName);
  const last = operator(giveName('last_position'), '', {
    operator: 'last_position',
    inputs: [lastShared],
    attributes: {},
  });

  /** The node with what it reads in the cached graph, after the nodes that make it. */
  const rewrite = (node: OperatorNode): OperatorNode[] => {
    if (node.operator === 'rotary_embedding') {
      const { tables, isNew } = tablesOf(node);
      const turned = { ...node, inputs: [...node.inputs, ...tables.map(({ name }) => name)] };
      return isNew ? [...tables, turned] : [turned];
    }
    const filled = byAttention.get(node.name)?.map((slot) => slot.filled);
    if (filled !== undefined) {
      return [...filled, { ...node, inputs: [node.inputs[0], ...filled.map(({ name }) => name)] }];
    }
    const inputs = node.inputs.map((input) => (input === lastShared ? last.name : input));
    return [{ ...node, inputs }];
  };

  const nodes = graph.nodes.flatMap((node): GraphNode[] => {
    if (node.kind === 'output')
      return [{ ...node, input: node.input === lastShared ? last.name : node.input }];
    if (node.kind !== 'operator') return [node];
    return node.name === lastShared ? [...rewrite(node), last] : rewrite(node);
  });
  const complete: Graph = {
    ...graph,
    nodes: [
      ...slots.map(
        ({ past, width }): InputNode => ({
          kind: 'input',
          name: past,
          scope: '',
          type: { dtype: 'float32', shape: [null, null, width] },
        }),
      ),
      ...nodes,
      ...slots.map(
        ({ present, filled }): GraphNode => ({
          kind: 'output',
          name: present,
          scope: '',
          input: filled.name,
        }),
      ),
    ],
  };
  lintGraph(complete);
  return {
    graph: complete,
    tokens: tokens.name,
    logits: logits.name,
    vocabulary,
    slots: slots.map(({ past, present, width }) => ({ past, present, width })),
  };
}
