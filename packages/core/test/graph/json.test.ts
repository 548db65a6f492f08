import { describe, expect, it } from 'vitest';
import { createGraphBuilder, graphFromJson, graphToJson, TampError } from '../../src/index.js';

function example() {
  const builder = createGraphBuilder();
  const ids = builder.input('ids', { dtype: 'int32', shape: [null, null] });
  const rows = builder.scope('embed', 'Embedding', () =>
    builder.apply('embedding', [ids, builder.parameter('embed.weight', [8, 4])]),
  );
  const normed = builder.scope('norm', 'RMSNorm', () =>
    builder.apply('rms_norm', [rows, builder.parameter('norm.weight', [4])], { epsilon: 1e-5 }),
  );
  builder.output('out', normed);
  return builder.build();
}

describe('graphFromJson', () => {
  it('gives back the graph that was written', () => {
    const graph = example();
    expect(graphFromJson(JSON.parse(graphToJson(graph)))).toEqual(graph);
  });

  it('drops what it does not know instead of carrying it along', () => {
    const json = JSON.parse(graphToJson(example()));
    json.nodes[0].extra = 'x';
    json.more = 1;
    expect(graphFromJson(json)).toEqual(example());
  });

  const broken: readonly [string, (json: ReturnType<typeof JSON.parse>) => unknown][] = [
    ['null', () => null],
    ['a list', () => []],
    ['nodes that are no list', (json) => ({ ...json, nodes: {} })],
    ['a node of an unknown kind', (json) => ({ ...json, nodes: [{ kind: 'call', name: 'x', scope: '' }] })],
    ['a name that is no string', (json) => ({ ...json, nodes: [{ ...json.nodes[0], name: 7 }] })],
    [
      'a negative size',
      (json) => ({ ...json, nodes: [{ ...json.nodes[0], type: { dtype: 'int32', shape: [-1] } }] }),
    ],
    [
      'an unknown dtype',
      (json) => ({ ...json, nodes: [{ ...json.nodes[0], type: { dtype: 'int4', shape: [1] } }] }),
    ],
    ['scopes that are no object', (json) => ({ ...json, scopes: 3 })],
    [
      'attributes nested without end',
      (json) => {
        let deep: unknown = 1;
        for (let i = 0; i < 40; i++) deep = [deep];
        json.nodes.find((node: { kind: string }) => node.kind === 'operator').attributes = { deep };
        return json;
      },
    ],
  ];
  it.each(broken)('refuses %s with a typed error', (_what, damage) => {
    expect(() => graphFromJson(damage(JSON.parse(graphToJson(example()))))).toThrow(TampError);
  });

  it('refuses an endless scope path before it looks at each of its prefixes', () => {
    const json = JSON.parse(graphToJson(example()));
    json.nodes[0].scope = 'a.'.repeat(1000);
    expect(() => graphFromJson(json)).toThrow(/longer than 1024 characters/);
  });
});
