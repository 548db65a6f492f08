import { describe, expect, it } from 'vitest';
import { chooseWeightTargets, createGraphBuilder, denseStorage, type Model } from '../../src/index.js';

/** embedding and head share a table; `normTied` also feeds a row-wide operator that cannot read packed weights. */
function model(options: { readonly otherUser: boolean }): Model {
  const builder = createGraphBuilder();
  const ids = builder.input('ids', { dtype: 'int32', shape: [null, null] });
  const table = builder.parameter('table', [8, 4]);
  const rows = builder.scope('embed', 'Embedding', () => builder.apply('embedding', [ids, table]));
  const hidden = builder.scope('up', 'Linear', () =>
    builder.apply('linear', [rows, builder.parameter('up.weight', [4, 4])]),
  );
  builder.output(
    'logits',
    builder.scope('head', 'Linear', () => builder.apply('linear', [hidden, table])),
  );
  if (options.otherUser) builder.output('doubled', builder.apply('add', [table, table]));
  const zeros = (shape: number[]) => denseStorage(new Float32Array(shape[0] * shape[1]));
  return {
    graph: builder.build(),
    parameters: new Map([
      ['table', { name: 'table', shape: [8, 4], storage: zeros([8, 4]) }],
      ['up.weight', { name: 'up.weight', shape: [4, 4], storage: zeros([4, 4]) }],
    ]),
    architecture: 'test',
    config: {},
    assets: new Map(),
  };
}

describe('chooseWeightTargets', () => {
  it('names layers by their scope', () => {
    const targets = chooseWeightTargets(model({ otherUser: false }), { targets: ['linear'] });
    expect(targets.map(({ layer, parameter }) => [layer, parameter.name])).toEqual([
      ['up', 'up.weight'],
      ['head', 'table'],
    ]);
  });

  it('refuses a tied weight with a user that cannot read it quantized, with the remedy', () => {
    const tied = model({ otherUser: true });
    expect(() => chooseWeightTargets(tied, { targets: ['linear'] })).toThrow(
      'head: its weight table is tied to add, which cannot read it quantized. Leave it out with ignore: [head].',
    );
    expect(chooseWeightTargets(tied, { targets: ['linear'], ignore: ['head'] })).toHaveLength(1);
  });

  it('refuses a selection that leaves nothing', () => {
    expect(() =>
      chooseWeightTargets(model({ otherUser: false }), { targets: ['up'], ignore: ['linear'] }),
    ).toThrow('no layer is left after ignore');
  });
});
