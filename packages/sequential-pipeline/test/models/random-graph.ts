import {
  createGraphBuilder,
  denseStorage,
  type Model,
  type Parameter,
  Random,
  type SymbolicValue,
} from '@tamp/core';

/** Width of every value in a random graph. */
export const width = 4;

/**
 * A random model: inputs, parameters and operators wired at random, some operators in blocks (`block.0`, `block.1` …
 * of type Block, some with a block inside), parameters shared here and there, several outputs. Other scopes' operators
 * may lie between those of a block.
 */
export function randomModel(seed: number): { readonly model: Model; readonly blocks: readonly string[] } {
  const random = new Random(seed);
  const below = (count: number): number => Math.min(count - 1, Math.floor(random.uniform() * count));
  const builder = createGraphBuilder();
  const parameters = new Map<string, Parameter>();
  const parameter = (): SymbolicValue => {
    const shared = [...parameters.keys()];
    const name =
      shared.length > 0 && random.uniform() < 0.2 ? shared[below(shared.length)] : `w${shared.length}`;
    if (!parameters.has(name)) {
      const values = random.fillNormal(new Float32Array(width * width));
      parameters.set(name, { name, shape: [width, width], storage: denseStorage(values) });
    }
    return builder.parameter(name, [width, width]);
  };
  const values: SymbolicValue[] = Array.from({ length: 1 + below(2) }, (_, i) =>
    builder.input(`x${i}`, { dtype: 'float32', shape: [null, width] }),
  );
  const pick = (): SymbolicValue =>
    values[Math.max(0, values.length - 1 - below(Math.min(values.length, 6)))];
  const step = (): void => {
    const kind = below(4);
    if (kind === 0) values.push(builder.apply('relu', [pick()]));
    else if (kind === 1) values.push(builder.apply('add', [pick(), pick()]));
    else if (kind === 2) values.push(builder.apply('mul', [pick(), pick()]));
    else values.push(builder.apply('linear', [pick(), parameter()]));
  };
  const blocks: string[] = [];
  const count = 1 + below(5);
  for (let block = 0; block < count; block++) {
    for (let i = below(3); i > 0; i--) step();
    blocks.push(`block.${block}`);
    builder.scope(`block.${block}`, 'Block', () => {
      for (let i = 1 + below(4); i > 0; i--) step();
      if (random.uniform() < 0.3) builder.scope('inner', 'Block', step);
    });
  }
  for (let i = below(4); i > 0; i--) step();
  builder.output('y', values[values.length - 1]);
  if (random.uniform() < 0.5) builder.output('z', pick());
  return {
    model: { graph: builder.build(), parameters, architecture: 'random', config: {}, assets: new Map() },
    blocks,
  };
}
