import { bytesOf, createGraphBuilder, type DenseDtype, type Model, type Parameter } from '@tamp/core';
import type { FixtureFile } from '@tamp/fixtures';

const dtypes: Readonly<Record<string, DenseDtype>> = { BF16: 'bfloat16', F32: 'float32', F16: 'float16' };

/**
 * The weights of a checkpoint as a model that has one linear layer per weight, side by side, and a head tied to the
 * embedding: all that a quantizer of weights looks at.
 */
export function checkpointModel(file: FixtureFile, layers: readonly string[]): Model {
  const builder = createGraphBuilder();
  const parameters = new Map<string, Parameter>();
  const weight = (name: string) => {
    const { shape, dtype, bytes } = file.get(name);
    parameters.set(name, {
      name,
      shape,
      storage: { kind: 'dense', dtype: dtypes[dtype], bytes: bytesOf(bytes) },
    });
    return builder.parameter(name, shape);
  };
  const embedding = weight('model.embed_tokens.weight');
  const ids = builder.input('ids', { dtype: 'int32', shape: [null, null] });
  const hidden = builder.scope('model.embed_tokens', 'Embedding', () =>
    builder.apply('embedding', [ids, embedding]),
  );
  for (const layer of layers) {
    const columns = file.get(`${layer}.weight`).shape[1];
    const x = builder.input(`${layer}.x`, { dtype: 'float32', shape: [null, columns] });
    const y = builder.scope(layer, 'Linear', () => builder.apply('linear', [x, weight(`${layer}.weight`)]));
    builder.output(`${layer}.y`, y);
  }
  builder.output(
    'logits',
    builder.scope('lm_head', 'Linear', () => builder.apply('linear', [hidden, embedding])),
  );
  return { graph: builder.build(), parameters, architecture: 'test', config: {}, assets: new Map() };
}
