import { createGraphBuilder, denseStorage, type Model } from '@tamp/core';

/** Tokens that the test's tokenizer knows. */
export const vocabulary = 16;
/** Width of the test's model. */
const tinyWidth = 12;

/** Width at which one layer alone has 64 MiB: what is a large model. */
export const largeWidth = 4096;

/** A causal language model of an embedding and two linear layers. */
export function tinyModel(width: number = tinyWidth): Model {
  const builder = createGraphBuilder();
  const ids = builder.input('input_ids', { dtype: 'int32', shape: [null, null] });
  const table = builder.parameter('embed.weight', [vocabulary, width]);
  const embedded = builder.scope('embed', 'Embedding', () => builder.apply('embedding', [ids, table]));
  const hidden = builder.scope('layers.0', 'Linear', () =>
    builder.apply('linear', [embedded, builder.parameter('layers.0.weight', [width, width])]),
  );
  const logits = builder.scope('lm_head', 'Linear', () =>
    builder.apply('linear', [hidden, builder.parameter('lm_head.weight', [vocabulary, width])]),
  );
  builder.output('logits', logits);
  const graph = builder.build();
  const parameters = new Map(
    graph.nodes.flatMap((node) => {
      if (node.kind !== 'parameter') return [];
      const shape = node.type.shape.map((size) => size ?? 0);
      const values = Float32Array.from(
        { length: shape[0] * shape[1] },
        (_, i) => 0.3 * Math.sin(i * 1.7 + shape[0]),
      );
      return [[node.parameter, { name: node.parameter, shape, storage: denseStorage(values) }] as const];
    }),
  );
  return {
    graph,
    parameters,
    architecture: 'TinyForTests',
    config: { max_position_embeddings: 32 },
    assets: new Map(),
  };
}

/** A model that text cannot flow through. */
export function imageModel(): Model {
  const builder = createGraphBuilder();
  const image = builder.input('image', { dtype: 'float32', shape: [null, tinyWidth] });
  const weight = builder.parameter('dense.weight', [4, tinyWidth]);
  builder.output(
    'scores',
    builder.scope('dense', 'Linear', () => builder.apply('linear', [image, weight])),
  );
  return {
    graph: builder.build(),
    parameters: new Map([
      [
        'dense.weight',
        {
          name: 'dense.weight',
          shape: [4, tinyWidth],
          storage: denseStorage(new Float32Array(4 * tinyWidth)),
        },
      ],
    ]),
    architecture: 'ImageForTests',
    config: {},
    assets: new Map(),
  };
}
