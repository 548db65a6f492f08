import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'vitest';
import {
  type Attributes,
  createGraphBuilder,
  createModelRunner,
  type Model,
  operators,
  type Parameter,
  type ParameterStorage,
} from '../../src/index.js';

/** Runs one operator of the registry on tensors; checks its shape against what it infers; frees the inputs. */
export function runOperator(
  name: string,
  inputs: readonly tf.Tensor[],
  attributes: Attributes = {},
): Float32Array {
  const result = tf.tidy(() => operators.get(name).run(inputs, attributes));
  const types = inputs.map(({ dtype, shape }) => ({
    dtype: dtype === 'int32' ? ('int32' as const) : ('float32' as const),
    shape,
  }));
  expect(result.shape).toEqual(operators.infer(name, types, attributes, 'layer').shape);
  const values = Float32Array.from(result.dataSync());
  tf.dispose([result, ...inputs]);
  return values;
}

/** A parameter of an operator under test. */
export interface StoredOperand {
  readonly shape: readonly number[];
  readonly storage: ParameterStorage;
}

/** Runs one operator as a model whose inputs after the first are parameters, so that they are loaded and packed; frees x. */
export async function runWithParameters(
  operator: string,
  x: tf.Tensor,
  operands: readonly StoredOperand[],
  attributes: Attributes = {},
): Promise<Float32Array> {
  const builder = createGraphBuilder();
  const dtype = x.dtype === 'int32' ? 'int32' : 'float32';
  const input = builder.input('x', { dtype, shape: x.shape });
  const parameters = new Map<string, Parameter>();
  const values = operands.map(({ shape, storage }, i) => {
    const name = `parameter${i}`;
    parameters.set(name, { name, shape, storage });
    return builder.parameter(name, shape);
  });
  builder.output('y', builder.apply(operator, [input, ...values], attributes));
  const model: Model = {
    graph: builder.build(),
    parameters,
    architecture: 'test',
    config: {},
    assets: new Map(),
  };
  const runner = createModelRunner(model);
  try {
    const { y } = await runner.run({ x });
    const result = Float32Array.from(await y.data());
    y.dispose();
    return result;
  } finally {
    x.dispose();
    runner.dispose();
  }
}
