import { fixturePath, readJsonFixture } from '@tamp/fixtures';
import { openModelFolder } from '@tamp/models/node';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chooseTargets, lintSubgraphs, partitionGraph } from '../../src/index.js';
import { runInOrder, runWhole } from './run-in-order.js';

interface Case {
  readonly targets: readonly string[];
  readonly targets_per_subgraph: number;
  readonly subgraphs: readonly { readonly modules: readonly string[] }[];
}

const cases = readJsonFixture<readonly Case[]>('sequential', 'llama.json');
const { model, close } = await openModelFolder(fixturePath('tiny-llama'));

beforeAll(() => tf.setBackend('cpu'));
afterAll(close);

test('there are reference cases', () => {
  expect(cases.length).toBeGreaterThan(0);
});

describe.each(cases)('$targets, $targets_per_subgraph per subgraph', (reference) => {
  const targets = chooseTargets(model.graph, { targets: reference.targets });
  const subgraphs = partitionGraph(model.graph, targets, {
    targetsPerSubgraph: reference.targets_per_subgraph,
  });

  test('as many subgraphs as the reference, each target block in the same one in the same order', () => {
    expect(subgraphs).toHaveLength(reference.subgraphs.length);
    const wanted = new Set(targets);
    expect(subgraphs.map((subgraph) => subgraph.targets)).toEqual(
      reference.subgraphs.map(({ modules }) => modules.filter((name) => wanted.has(name))),
    );
    expect(subgraphs.flatMap((subgraph) => subgraph.targets)).toHaveLength(targets.length);
  });

  test('the other modules of the reference run in the same subgraph', () => {
    for (const [i, { modules }] of reference.subgraphs.entries()) {
      for (const module of modules) {
        const inside = model.graph.nodes.filter(
          ({ kind, scope }) => kind === 'operator' && (scope === module || scope.startsWith(`${module}.`)),
        );
        // Rotary tables are a module there; here they are attributes.
        for (const { name } of inside) expect([name, subgraphs[i].nodes.has(name)]).toEqual([name, true]);
      }
    }
  });

  test('every subgraph is well formed', () => {
    expect(() => lintSubgraphs(model.graph, subgraphs)).not.toThrow();
  });

  test('executing them in order equals executing the model bit for bit', async () => {
    const before = tf.memory().numTensors;
    const ids = tf.tensor2d(
      Int32Array.from({ length: 24 }, (_, i) => (i * 37) % Number(model.config.vocab_size)),
      [2, 12],
      'int32',
    );
    const whole = await runWhole(model, { input_ids: ids });
    const inOrder = await runInOrder(model, subgraphs, { input_ids: ids });
    ids.dispose();
    expect(inOrder).toEqual(whole);
    expect(tf.memory().numTensors).toBe(before);
  });
});

test('without targets: the decoder layers', () => {
  const type = model.graph.scopes['model.layers.0'];
  expect(type).toMatch(/DecoderLayer$/);
  expect(chooseTargets(model.graph)).toEqual(chooseTargets(model.graph, { targets: [type] }));
  expect(chooseTargets(model.graph).length).toBeGreaterThan(1);
});
