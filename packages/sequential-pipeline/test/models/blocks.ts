import {
  type ByteSource,
  bytesOf,
  type CalibrationBatches,
  createGraphBuilder,
  defineModifier,
  denseStorage,
  type Model,
  type Modifier,
  type ModifierNeeds,
  type Parameter,
  Random,
  readParameter,
} from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';

/** Three blocks of two linear layers with a residual, then a head; widths of 6. Reads of weights are recorded. */
export function blockModel(blocks = 3): { readonly model: Model; readonly reads: string[] } {
  const reads: string[] = [];
  const random = new Random(5);
  const builder = createGraphBuilder();
  const parameters = new Map<string, Parameter>();
  const weight = () => {
    const name = `${builder.path}.weight`;
    const inner = bytesOf(random.fillNormal(new Float32Array(36)).map((value) => value / 3));
    const bytes: ByteSource = {
      ...inner,
      read(start, end) {
        reads.push(name);
        return inner.read(start, end);
      },
    };
    parameters.set(name, { name, shape: [6, 6], storage: { kind: 'dense', dtype: 'float32', bytes } });
    return builder.parameter(name, [6, 6]);
  };
  let x = builder.input('x', { dtype: 'float32', shape: [null, 6] });
  for (let i = 0; i < blocks; i++) {
    x = builder.scope(`layers.${i}`, 'Block', () => {
      const up = builder.scope('up', 'Linear', () => builder.apply('linear', [x, weight()]));
      const down = builder.scope('down', 'Linear', () =>
        builder.apply('linear', [builder.apply('relu', [up]), weight()]),
      );
      return builder.apply('add', [x, down]);
    });
  }
  builder.output(
    'y',
    builder.scope('head', 'Linear', () => builder.apply('linear', [x, weight()])),
  );
  return {
    model: { graph: builder.build(), parameters, architecture: 'blocks', config: {}, assets: new Map() },
    reads,
  };
}

/** Batches of three rows of random numbers; `change` may spoil one. */
export function batches(
  count: number,
  change: (values: Float32Array, index: number) => Float32Array = (values) => values,
): CalibrationBatches {
  return {
    count,
    async batch(index) {
      const values = change(new Random(index).fillNormal(new Float32Array(18)), index);
      return { x: tf.tensor2d(values, [values.length / 6, 6]) };
    },
  };
}

/** A modifier that halves the weights of the linear layers it finds and records what flowed into them. */
export function halve(
  needs: ModifierNeeds = 'calibration',
  match: (name: string) => boolean = () => true,
): { readonly modifier: Modifier; readonly seen: Map<string, number[]>; readonly regions: string[] } {
  const seen = new Map<string, number[]>();
  const regions: string[] = [];
  const definition = defineModifier({
    name: 'halve',
    description: 'Halves weights.',
    options: { safeParse: () => ({ success: true, data: {} }) } as never,
    create: (): Modifier => ({
      needs,
      plan: () => ({ targets: [] }),
      observe(region, model) {
        regions.push(region.name);
        if (needs !== 'calibration') return [];
        return model.graph.nodes.flatMap((node) => {
          if (node.kind !== 'operator' || node.operator !== 'linear' || !region.nodes.has(node.name))
            return [];
          if (!match(node.scope)) return [];
          return [
            {
              node: node.inputs[0],
              observe: async (value: tf.Tensor) => {
                seen.set(node.scope, [...(seen.get(node.scope) ?? []), ...(await value.data())]);
              },
            },
          ];
        });
      },
      async rewrite(region, editor) {
        for (const node of editor.model.graph.nodes) {
          if (node.kind !== 'operator' || node.operator !== 'linear' || !region.nodes.has(node.name))
            continue;
          const parameter = editor.model.parameters.get(`${node.scope}.weight`);
          if (parameter === undefined) throw new Error(`${node.scope} has no weight`);
          const values = (await readParameter(parameter)).map((value) => value / 2);
          editor.setParameter({ ...parameter, storage: denseStorage(values) });
        }
      },
    }),
  });
  return { modifier: definition.create({}), seen, regions };
}
