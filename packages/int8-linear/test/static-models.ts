import {
  type Attributes,
  type CalibrationBatches,
  createGraphBuilder,
  createModelRunner,
  denseStorage,
  type GraphBuilder,
  type Model,
  type Parameter,
  Random,
  type SymbolicValue,
} from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';

/** What a test model's layers are made with. */
export interface LayerBuilder {
  readonly builder: GraphBuilder;
  /** A parameter of normal numbers, or of the given ones. */
  parameter(name: string, shape: readonly number[], values?: Float32Array): SymbolicValue;
  /** A linear layer or convolution with bias, as a module of its own. */
  layer(
    name: string,
    operator: string,
    x: SymbolicValue,
    shape: readonly number[],
    attributes?: Attributes,
  ): SymbolicValue;
}

/** A model with one input `x` and one output `y`. */
export function testModel(
  shape: readonly (number | null)[],
  body: (x: SymbolicValue, layers: LayerBuilder) => SymbolicValue,
): Model {
  const random = new Random(7);
  const builder = createGraphBuilder();
  const parameters = new Map<string, Parameter>();
  const parameter: LayerBuilder['parameter'] = (name, size, values) => {
    if (!parameters.has(name)) {
      const count = size.reduce((product, one) => product * one, 1);
      const numbers = values ?? random.fillNormal(new Float32Array(count));
      parameters.set(name, { name, shape: size, storage: denseStorage(numbers) });
    }
    return builder.parameter(name, size);
  };
  const layer: LayerBuilder['layer'] = (name, operator, x, size, attributes = {}) =>
    builder.scope(name, operator, () =>
      builder.apply(
        operator,
        [x, parameter(`${name}.weight`, size), parameter(`${name}.bias`, [size[0]])],
        attributes,
      ),
    );
  const x = builder.input('x', { dtype: 'float32', shape });
  builder.output('y', body(x, { builder, parameter, layer }));
  return { graph: builder.build(), parameters, architecture: 'test', config: {}, assets: new Map() };
}

/** An image network in which everything but the ends stays int8: two paths, their sum, pooling and a linear layer. */
export function imageModel(): Model {
  return testModel([null, 2, 6, 6], (x, { builder, layer }) => {
    const first = builder.apply('relu', [
      layer('first', 'conv2d', x, [5, 2, 3, 3], { stride: 1, padding: 1 }),
    ]);
    const left = layer('left', 'conv2d', first, [4, 5, 3, 3], { stride: 2, padding: 1 });
    const right = layer('right', 'conv2d', first, [4, 5, 1, 1], { stride: 2, padding: 0 });
    const sum = builder.apply('relu', [builder.apply('add', [left, right])]);
    const pooled = builder.apply('max_pool2d', [sum], { size: 2, stride: 1 });
    return layer('head', 'linear', builder.apply('flatten', [pooled]), [3, 16]);
  });
}

/** Normal inputs in batches of 4. */
export function batches(shape: readonly number[], count = 3): CalibrationBatches {
  const size = shape.reduce((product, one) => product * one, 1);
  return {
    count,
    batch: async (index) => ({
      x: tf.tensor(new Random(20 + index).fillNormal(new Float32Array(4 * size)), [4, ...shape]),
    }),
  };
}

/** The output of a model, and the values of all its nodes by name. */
export async function runWhole(
  model: Model,
  inputs: Readonly<Record<string, tf.Tensor>>,
): Promise<{ readonly y: Float32Array; readonly values: ReadonlyMap<string, Float32Array> }> {
  const values = new Map<string, Float32Array>();
  const runner = createModelRunner(model);
  const observe = new Map(
    model.graph.nodes
      .filter(({ kind }) => kind === 'operator' || kind === 'input')
      .map(({ name }) => [
        name,
        async (value: tf.Tensor): Promise<void> => {
          values.set(name, Float32Array.from(await value.data()));
        },
      ]),
  );
  const { y } = await runner.run(inputs, { observe });
  const output = Float32Array.from(await y.data());
  tf.dispose([y, ...Object.values(inputs)]);
  runner.dispose();
  return { y: output, values };
}
