import { expect, it } from 'vitest';
import {
  createGraphBuilder,
  createModelEditor,
  denseStorage,
  type Model,
  type Parameter,
  replaceOperators,
} from '../../src/index.js';

const weight = (values: number[], shape: number[]): Parameter => ({
  name: 'w',
  shape,
  storage: denseStorage(Float32Array.from(values)),
});

function model(): Model {
  const builder = createGraphBuilder();
  const x = builder.input('x', { dtype: 'float32', shape: [null, 2] });
  builder.output('y', builder.apply('linear', [x, builder.parameter('w', [1, 2])]));
  return {
    graph: builder.build(),
    parameters: new Map([['w', weight([1, 2], [1, 2])]]),
    architecture: 'test',
    config: {},
    assets: new Map(),
  };
}

it('leaves the model it started from as it was', () => {
  const before = model();
  const editor = createModelEditor(before);
  const replacement = weight([3, 4], [1, 2]);
  editor.setParameter(replacement);
  expect(editor.model.parameters.get('w')).toBe(replacement);
  expect(before.parameters.get('w')).not.toBe(replacement);
});

it('refuses a parameter of another shape, a malformed graph, and taking away what is used', () => {
  const editor = createModelEditor(model());
  expect(() => editor.setParameter(weight([1, 2], [2, 1]))).toThrow(
    'changes the shape of w from [1, 2] to [2, 1]',
  );
  expect(() => editor.removeParameter('w')).toThrow('w is still in use');
  const { graph } = editor.model;
  expect(() =>
    editor.setGraph(replaceOperators(graph, () => ({ operator: 'none', attributes: {} }))),
  ).toThrow('no operator named none');
  const nodes = graph.nodes.map((node) => (node.kind === 'parameter' ? { ...node, parameter: 'v' } : node));
  expect(() => editor.setGraph({ ...graph, nodes })).toThrow('parameter v that the model lacks');
  expect(editor.model.graph).toBe(graph);
});
