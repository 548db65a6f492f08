import {
  type CalibrationBatches,
  createGraphBuilder,
  denseStorage,
  type Model,
  type Parameter,
  Random,
  type SymbolicValue,
} from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';

/** Parameters for a graph, made as the graph is built. */
export interface ModelParts {
  readonly builder: ReturnType<typeof createGraphBuilder>;
  parameter(name: string, shape: readonly number[]): SymbolicValue;
  /** A linear layer as a module of its own, with a bias where asked for. */
  linear(name: string, x: SymbolicValue, shape: readonly [number, number], bias?: boolean): SymbolicValue;
}

/** A model with one input `x` and one output `y`; parameters are normal numbers times a factor per name. */
export function buildModel(
  shape: readonly (number | null)[],
  body: (x: SymbolicValue, parts: ModelParts) => SymbolicValue,
  change: (name: string, values: Float32Array, shape: readonly number[]) => void = () => {},
): Model {
  const random = new Random(3);
  const builder = createGraphBuilder();
  const parameters = new Map<string, Parameter>();
  const parameter: ModelParts['parameter'] = (name, size) => {
    const values = random.fillNormal(new Float32Array(size.reduce((product, one) => product * one, 1)));
    change(name, values, size);
    parameters.set(name, { name, shape: size, storage: denseStorage(values) });
    return builder.parameter(name, size);
  };
  const linear: ModelParts['linear'] = (name, x, size, bias = true) =>
    builder.scope(name, 'Linear', () =>
      builder.apply('linear', [
        x,
        parameter(`${name}.weight`, size),
        ...(bias ? [parameter(`${name}.bias`, [size[0]])] : []),
      ]),
    );
  const x = builder.input('x', { dtype: 'float32', shape });
  builder.output('y', body(x, { builder, parameter, linear }));
  return { graph: builder.build(), parameters, architecture: 'test', config: {}, assets: new Map() };
}

/** Widths of {@link decoderBlock}. */
export const block = { width: 16, heads: 4, keyValueHeads: 2, headSize: 4, hidden: 24 };

/**
 * One decoder layer's attention and feed-forward with a norm each: layer_norm with bias before the attention, rms_norm
 * before the gated unit. Every third channel that equalization can reach is 64 times as loud; with `compensated`, what
 * reads it divides by 64.
 */
export function decoderBlock(options: { readonly compensated: boolean } = { compensated: true }): Model {
  const { width, heads, keyValueHeads, headSize, hidden } = block;
  const loud = (values: Float32Array, length: number): void => {
    for (const at of values.keys()) if (Math.floor(at / length) % 3 === 0) values[at] *= 64;
  };
  const shared = heads / keyValueHeads;
  /** Divides what a layer makes of loud channels; `channelOf` says which channel a column reads. */
  const compensate = (values: Float32Array, columns: number, channelOf: (column: number) => number): void => {
    if (!options.compensated) return;
    for (const at of values.keys()) if (channelOf(at % columns) % 3 === 0) values[at] /= 64;
  };
  return buildModel(
    [null, null, width],
    (x, { builder, parameter, linear }) => {
      const before = builder.scope('norm1', 'LayerNorm', () =>
        builder.apply(
          'layer_norm',
          [x, parameter('norm1.weight', [width]), parameter('norm1.bias', [width])],
          {
            epsilon: 1e-5,
          },
        ),
      );
      const q = linear('q', before, [heads * headSize, width]);
      const k = linear('k', before, [keyValueHeads * headSize, width]);
      const v = linear('v', before, [keyValueHeads * headSize, width]);
      const mixed = builder.apply('attention', [q, k, v], { heads, keyValueHeads, headSize, scale: 0.05 });
      const attended = builder.apply('add', [x, linear('o', mixed, [width, heads * headSize])]);
      const normed = builder.scope('norm2', 'RMSNorm', () =>
        builder.apply('rms_norm', [attended, parameter('norm2.weight', [width])], { epsilon: 1e-5 }),
      );
      const gate = linear('gate', normed, [hidden, width], false);
      const up = linear('up', normed, [hidden, width], false);
      const gated = builder.apply('swiglu', [gate, up]);
      return builder.apply('add', [attended, linear('down', gated, [width, hidden], false)]);
    },
    (name, values, shape) => {
      const louder = name.startsWith('norm') || name.startsWith('v.') || name.startsWith('up.');
      if (louder) loud(values, shape.length > 1 ? shape[1] : 1);
      if (!name.startsWith('norm') && name.endsWith('weight')) {
        const headChannel = (column: number): number =>
          Math.floor(column / headSize / shared) * headSize + (column % headSize);
        for (const at of values.keys()) values[at] *= 0.1;
        compensate(values, shape[1], name.startsWith('o.') ? headChannel : (column) => column);
      }
    },
  );
}

/** Normal inputs, 4 rows (or sequences of 5) per batch. */
export function normalBatches(shape: readonly number[], count = 4): CalibrationBatches {
  const size = shape.reduce((product, one) => product * one, 1);
  return {
    count,
    batch: async (index) => ({
      x: tf.tensor(new Random(50 + index).fillNormal(new Float32Array(4 * size)), [4, ...shape]),
    }),
  };
}
