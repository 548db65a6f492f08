import { expect, test } from 'vitest';
import { chooseTargets, partitionGraph } from '../../src/index.js';
import { randomModel } from '../models/random-graph.js';

const { graph } = Array.from({ length: 50 }, (_, seed) => randomModel(seed)).reduce((a, b) =>
  b.blocks.length > a.blocks.length ? b : a,
).model;

test('given twice: refused', () => {
  expect(() => chooseTargets(graph, { targets: ['Block', 'Block'] })).toThrow(
    'the sequential target Block is given twice. Name each target once, in one place.',
  );
});

test('one of several may match nothing, all of them may not', () => {
  expect(chooseTargets(graph, { targets: ['Other', 'block.1'] })).toEqual(['block.1']);
  expect(() => chooseTargets(graph, { targets: ['Other'] })).toThrow('the target Other matches nothing');
  expect(() => chooseTargets(graph, { targets: ['Block', 're:['] })).toThrow('is not a regular expression');
});

test('ignored blocks get no subgraph of their own', () => {
  const targets = chooseTargets(graph, {
    targets: ['Block'],
    ignore: ['block.1', 'block.1.inner', 'Nothing'],
  });
  expect(targets).toEqual(chooseTargets(graph, { targets: ['Block'] }).filter((path) => path !== 'block.1'));
  expect(partitionGraph(graph, targets)).toHaveLength(targets.length + 1);
});

test('only modules of the graph can be cut out, each once', () => {
  expect(() => partitionGraph(graph, ['block.0', 'block.99'])).toThrow(
    'block.99: the graph has no module of this name to be a target',
  );
  expect(() => partitionGraph(graph, ['block.0', 'block.0'])).toThrow('the target is given twice');
});

test.each([0, 1.5, Number.NaN])('%d targets per subgraph: refused', (targetsPerSubgraph) => {
  expect(() => partitionGraph(graph, ['block.0'], { targetsPerSubgraph })).toThrow(
    'targets per subgraph are not possible',
  );
});
