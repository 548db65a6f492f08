import { describe, expect, it } from 'vitest';
import { type Graph, type GraphNode, lintGraph } from '../../src/index.js';

const x: GraphNode = { kind: 'input', name: 'x', scope: '', type: { dtype: 'float32', shape: [null, 4] } };
const twice: GraphNode = {
  kind: 'operator',
  name: 'twice',
  scope: '',
  operator: 'add',
  inputs: ['x', 'x'],
  attributes: {},
};
const y: GraphNode = { kind: 'output', name: 'y', scope: '', input: 'twice' };
const graph = (...nodes: GraphNode[]): Graph => ({ nodes, scopes: {} });
const weight = (name: string): GraphNode => ({
  kind: 'parameter',
  name,
  scope: '',
  parameter: 'w',
  type: { dtype: 'float32', shape: [4] },
});

describe('lintGraph', () => {
  it('gives the type of every value', () => {
    expect(lintGraph(graph(x, twice, y)).get('twice')).toEqual({ dtype: 'float32', shape: [null, 4] });
  });

  const malformed: readonly [string, Graph, RegExp][] = [
    ['a name used twice', graph(x, x, twice, y), /x: malformed graph: the name is used twice/],
    ['an input that comes later', graph(twice, x, y), /twice: .*reads x, which is no earlier node/],
    ['an input that does not exist', graph({ ...twice, inputs: ['x', 'z'] }, y), /no earlier node/],
    [
      'a value read from an output',
      graph(x, twice, y, { ...y, name: 'z', input: 'y' }),
      /z: .*y has no value/,
    ],
    ['an undeclared scope', graph({ ...x, scope: 'a.b' }, twice, y), /x: .*scope a\.b is not declared/],
    ['no output', graph(x, twice), /it has no output/],
    [
      'two nodes of one parameter',
      graph(x, twice, y, weight('a'), weight('b')),
      /b: .*parameter w has two nodes/,
    ],
    [
      'an unknown operator',
      graph(x, { ...twice, operator: 'frobnicate' }, y),
      /no operator named frobnicate/,
    ],
    ['too few inputs', graph(x, { ...twice, inputs: ['x'] }, y), /twice: add takes 2 inputs, not 1/],
  ];
  it.each(malformed)('refuses %s', (_what, broken, message) => {
    expect(() => lintGraph(broken)).toThrow(message);
  });
});
