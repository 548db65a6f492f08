import type { TestTensor } from './memory-folder.js';

/** What the plain decoder is told about a model; in transformers' names. */
export interface PlainConfig {
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly head_dim: number;
  readonly rms_norm_eps: number;
}

type Rows = readonly (readonly number[])[];

/**
 * A decoder of Llama's kind in double precision, one token and one head at a time: the reference for graphs, which
 * shares no code with them. `angle` gives the rotation of pair i at a position, `scale` the factor on cos and sin.
 * Biases are added where the tensors have them.
 */
export function plainDecoder(
  ids: readonly number[],
  tensors: readonly TestTensor[],
  config: PlainConfig,
  angle: (position: number, pair: number) => number,
  scale = 1,
): number[][] {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const get = (name: string): TestTensor => {
    const tensor = byName.get(name);
    if (tensor === undefined) throw new Error(`no tensor ${name}`);
    return tensor;
  };
  const { num_attention_heads: heads, num_key_value_heads: shared, head_dim: size } = config;

  const linear = (name: string, x: Rows): number[][] => {
    const { values, shape } = get(`${name}.weight`);
    const bias = byName.get(`${name}.bias`)?.values;
    const columns = shape[1];
    return x.map((row) =>
      Array.from({ length: shape[0] }, (_, n) =>
        row.reduce((sum, value, k) => sum + value * values[n * columns + k], bias?.[n] ?? 0),
      ),
    );
  };
  const norm = (name: string, x: Rows): number[][] =>
    x.map((row) => {
      const square = row.reduce((sum, value) => sum + value * value, 0) / row.length;
      return row.map(
        (v, i) => (v / Math.sqrt(square + config.rms_norm_eps)) * get(`${name}.weight`).values[i],
      );
    });
  const rotate = (x: Rows): number[][] =>
    x.map((row, position) =>
      row.map((value, at) => {
        const inHead = at % size;
        const turn = angle(position, inHead % (size / 2));
        const other = inHead < size / 2 ? -row[at + size / 2] : row[at - size / 2];
        return scale * (value * Math.cos(turn) + other * Math.sin(turn));
      }),
    );
  const attention = (name: string, x: Rows): number[][] => {
    const q = rotate(linear(`${name}.q_proj`, x));
    const k = rotate(linear(`${name}.k_proj`, x));
    const v = linear(`${name}.v_proj`, x);
    const mixed = q.map((query, position) =>
      query.map((_, at) => {
        const head = Math.floor(at / size);
        const offset = Math.floor(head / (heads / shared)) * size;
        const weights = k.slice(0, position + 1).map((key) => {
          let score = 0;
          for (let i = 0; i < size; i++) score += query[head * size + i] * key[offset + i];
          return Math.exp(score / Math.sqrt(size));
        });
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        return weights.reduce((sum, weight, t) => sum + (weight / total) * v[t][offset + (at % size)], 0);
      }),
    );
    return linear(`${name}.o_proj`, mixed);
  };
  const feedForward = (name: string, x: Rows): number[][] => {
    const up = linear(`${name}.up_proj`, x);
    const gate = linear(`${name}.gate_proj`, x);
    return linear(
      `${name}.down_proj`,
      gate.map((row, t) => row.map((value, i) => (value / (1 + Math.exp(-value))) * up[t][i])),
    );
  };
  const add = (a: Rows, b: Rows): number[][] => a.map((row, t) => row.map((value, i) => value + b[t][i]));

  const table = get('model.embed_tokens.weight').values;
  let x: number[][] = ids.map((id) =>
    Array.from(table.subarray(id * config.hidden_size, (id + 1) * config.hidden_size)),
  );
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const name = `model.layers.${layer}`;
    x = add(x, attention(`${name}.self_attn`, norm(`${name}.input_layernorm`, x)));
    x = add(x, feedForward(`${name}.mlp`, norm(`${name}.post_attention_layernorm`, x)));
  }
  x = norm('model.norm', x);
  return linear(byName.has('lm_head.weight') ? 'lm_head' : 'model.embed_tokens', x);
}
