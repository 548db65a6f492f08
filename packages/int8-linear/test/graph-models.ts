import {
  type CalibrationBatches,
  createGraphBuilder,
  denseStorage,
  type Model,
  type Parameter,
  Random,
} from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';

/**
 * x → two layers side by side (`left`, `right`) → their sum through relu → `head`, which has the weight of `left` when
 * `tied`. All have a bias but `right`.
 */
export function branches(options: { readonly tied?: boolean; readonly seed?: number } = {}): Model {
  const random = new Random(options.seed ?? 11);
  const builder = createGraphBuilder();
  const parameters = new Map<string, Parameter>();
  const parameter = (name: string, shape: number[]) => {
    const count = shape.reduce((product, size) => product * size, 1);
    if (!parameters.has(name)) {
      parameters.set(name, {
        name,
        shape,
        storage: denseStorage(random.fillNormal(new Float32Array(count))),
      });
    }
    return builder.parameter(name, shape);
  };
  const x = builder.input('x', { dtype: 'float32', shape: [null, 24] });
  const left = builder.scope('left', 'Linear', () =>
    builder.apply('linear', [x, parameter('left.weight', [24, 24]), parameter('left.bias', [24])]),
  );
  const right = builder.scope('right', 'Linear', () =>
    builder.apply('linear', [x, parameter('right.weight', [24, 24])]),
  );
  const hidden = builder.apply('relu', [builder.apply('add', [left, right])]);
  const weight = parameter(options.tied === true ? 'left.weight' : 'head.weight', [24, 24]);
  const head = builder.scope('head', 'Linear', () =>
    builder.apply('linear', [hidden, weight, parameter('head.bias', [24])]),
  );
  builder.output('y', head);
  return { graph: builder.build(), parameters, architecture: 'test', config: {}, assets: new Map() };
}

/** Normal inputs for {@link branches}; batch i has i + 3 rows. */
export function normalBatches(count: number, seed = 5): CalibrationBatches {
  return {
    count,
    batch: async (index) => {
      const rows = index + 3;
      const values = new Random(seed + index).fillNormal(new Float32Array(rows * 24));
      return { x: tf.tensor2d(values, [rows, 24]) };
    },
  };
}
