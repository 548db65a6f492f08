import {
  createGraphBuilder,
  denseStorage,
  type Model,
  type Parameter,
  Random,
  type SymbolicValue,
} from '@tamp/core';

export const [heads, keyValueHeads, headSize, inner] = [4, 2, 8, 48] as const;
export const width = heads * headSize;

/** One decoder block with grouped-query attention and a gated feed-forward, biases on v and up, and a head. */
export function gatedModel(): Model {
  const random = new Random(11);
  const builder = createGraphBuilder();
  const parameters = new Map<string, Parameter>();
  const parameter = (name: string, shape: readonly number[], around = 0): SymbolicValue => {
    const size = shape.reduce((a, b) => a * b, 1);
    const values = random.fillNormal(new Float32Array(size)).map((value) => around + value / 4);
    parameters.set(name, { name, shape, storage: denseStorage(values) });
    return builder.parameter(name, shape);
  };
  const linear = (name: string, x: SymbolicValue, rows: number, columns: number, bias = false) =>
    builder.scope(name, 'Linear', () => {
      const path = builder.path;
      const weight = parameter(`${path}.weight`, [rows, columns]);
      return builder.apply('linear', bias ? [x, weight, parameter(`${path}.bias`, [rows])] : [x, weight]);
    });
  const norm = (name: string, x: SymbolicValue) =>
    builder.scope(name, 'Norm', () =>
      builder.apply('rms_norm', [x, parameter(`${builder.path}.weight`, [width], 1)], { epsilon: 1e-5 }),
    );
  const x = builder.input('x', { dtype: 'float32', shape: [null, null, width] });
  const y = builder.scope('layers.0', 'Block', () => {
    const normed = norm('input_norm', x);
    const q = linear('q', normed, width, width);
    const k = linear('k', normed, keyValueHeads * headSize, width);
    const v = linear('v', normed, keyValueHeads * headSize, width, true);
    const attributes = { heads, keyValueHeads, headSize, scale: 1 / Math.sqrt(headSize) };
    const attended = builder.apply('add', [
      x,
      linear('o', builder.apply('attention', [q, k, v], attributes), width, width),
    ]);
    const second = norm('post_norm', attended);
    const gate = linear('gate', second, inner, width);
    const up = linear('up', second, inner, width, true);
    return builder.apply('add', [
      attended,
      linear('down', builder.apply('swiglu', [gate, up]), width, inner),
    ]);
  });
  const final = norm('norm', y);
  builder.output('hidden', final);
  builder.output('y', linear('head', final, 10, width));
  return { graph: builder.build(), parameters, architecture: 'test', config: {}, assets: new Map() };
}
