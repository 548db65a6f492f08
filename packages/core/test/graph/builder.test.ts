import { describe, expect, it } from 'vitest';
import { createGraphBuilder, type Graph, TampError } from '../../src/index.js';

function twoLinears(): Graph {
  const builder = createGraphBuilder();
  const x = builder.input('x', { dtype: 'float32', shape: [null, 4] });
  const hidden = builder.scope('block.first', 'Linear', () =>
    builder.apply('linear', [x, builder.parameter('block.first.weight', [3, 4])]),
  );
  const y = builder.scope('block.second', 'Linear', () =>
    builder.apply('linear', [
      hidden,
      builder.parameter('block.second.weight', [2, 3]),
      builder.parameter('block.second.bias', [2]),
    ]),
  );
  builder.output('y', y);
  return builder.build();
}

describe('createGraphBuilder', () => {
  it('records nodes in order, with the scope of each and the type of every scope', () => {
    const graph = twoLinears();
    expect(graph.nodes.map((node) => [node.kind, node.name, node.scope])).toEqual([
      ['input', 'x', ''],
      ['parameter', 'block.first.weight', 'block.first'],
      ['operator', 'block.first.linear', 'block.first'],
      ['parameter', 'block.second.weight', 'block.second'],
      ['parameter', 'block.second.bias', 'block.second'],
      ['operator', 'block.second.linear', 'block.second'],
      ['output', 'y', ''],
    ]);
    expect(graph.scopes).toEqual({ block: 'Module', 'block.first': 'Linear', 'block.second': 'Linear' });
  });

  it('gives one node to a parameter that is asked for twice', () => {
    const builder = createGraphBuilder();
    const x = builder.input('x', { dtype: 'float32', shape: [null, 4] });
    const once = builder.apply('linear', [x, builder.parameter('w', [4, 4])]);
    builder.output('y', builder.apply('linear', [once, builder.parameter('w', [4, 4])]));
    const graph = builder.build();
    expect(graph.nodes.filter((node) => node.kind === 'parameter')).toHaveLength(1);
    expect(graph.nodes.filter((node) => node.kind === 'operator').map((node) => node.name)).toEqual([
      'linear',
      'linear_1',
    ]);
  });

  it('refuses operators whose shapes do not fit, by the name of the node', () => {
    const builder = createGraphBuilder();
    const x = builder.input('x', { dtype: 'float32', shape: [null, 5] });
    const apply = () =>
      builder.scope('head', 'Linear', () => builder.apply('linear', [x, builder.parameter('w', [3, 4])]));
    expect(apply).toThrow(TampError);
    expect(apply).toThrow(/head\.linear.*5 wide, the weight 4/);
  });

  it('refuses the wrong number of inputs and unknown operators, listing those there are', () => {
    const builder = createGraphBuilder();
    const x = builder.input('x', { dtype: 'float32', shape: [null, 5] });
    expect(() => builder.apply('add', [x])).toThrow('add takes 2 inputs, not 1');
    expect(() => builder.apply('fft', [x])).toThrow(/no operator named fft.*Known operators: .*linear/);
  });

  it('leaves a scope when its body throws', () => {
    const builder = createGraphBuilder();
    expect(() =>
      builder.scope('a.b', 'Block', () => {
        throw new Error('stop');
      }),
    ).toThrow('stop');
    expect(builder.path).toBe('');
  });

  it('refuses two inputs of one name', () => {
    const builder = createGraphBuilder();
    builder.input('x', { dtype: 'float32', shape: [1] });
    expect(() => builder.input('x', { dtype: 'float32', shape: [1] })).toThrow('has a node named x already');
  });
});
