import { isTampError, Random } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, expect, test } from 'vitest';
import { chooseTargets, partitionGraph } from '../../src/index.js';
import { randomModel, width } from '../models/random-graph.js';
import { runInOrder, runWhole } from './run-in-order.js';

beforeAll(() => tf.setBackend('cpu'));

test('200 random graphs: subgraphs in order compute what the model does, bit for bit', async () => {
  let compared = 0;
  for (let seed = 0; compared < 200; seed++) {
    const before = tf.memory().numTensors;
    const { model, blocks } = randomModel(seed);
    const targets = chooseTargets(model.graph, { targets: ['Block'] });
    // Blocks inside blocks are never opened.
    expect(targets).toEqual(blocks);
    const perSubgraph = 1 + (seed % 3);
    const subgraphs = partitionGraph(model.graph, targets, { targetsPerSubgraph: perSubgraph });
    expect([seed, subgraphs.length]).toEqual([seed, Math.ceil(targets.length / perSubgraph) + 1]);
    expect(subgraphs.flatMap((subgraph) => subgraph.targets).sort()).toEqual([...blocks].sort());

    const random = new Random(seed);
    const inputs = Object.fromEntries(
      model.graph.nodes.flatMap((node) =>
        node.kind === 'input'
          ? [[node.name, tf.tensor2d(random.fillNormal(new Float32Array(3 * width)), [3, width])] as const]
          : [],
      ),
    );
    const whole = await runWhole(model, inputs);
    const inOrder = await runInOrder(model, subgraphs, inputs);
    expect([seed, inOrder]).toEqual([seed, whole]);
    tf.dispose(inputs);
    expect(tf.memory().numTensors).toBe(before);
    compared++;
  }
});

test('blocks whose operators lie between each other: one piece each, or refused by name', () => {
  let refused = 0;
  let merged = 0;
  for (let seed = 0; seed < 300; seed++) {
    const { model } = randomModel(seed);
    const random = new Random(seed + 1000);
    // Operators dealt to two interleaved blocks at random.
    const scopes = { ...model.graph.scopes, left: 'Side', right: 'Side' };
    const nodes = model.graph.nodes.map((node) =>
      node.kind === 'operator'
        ? { ...node, scope: ['left', 'right', ''][Math.floor(random.uniform() * 3) % 3] }
        : node,
    );
    const graph = { nodes, scopes };
    const used = ['left', 'right'].filter((scope) => nodes.some((node) => node.scope === scope));
    try {
      const subgraphs = partitionGraph(graph, used);
      expect(subgraphs).toHaveLength(used.length + 1);
      merged++;
    } catch (error) {
      if (!isTampError(error)) throw error;
      expect(error.message).toMatch(/the targets (left|right) and (left|right) need each other's values/);
      refused++;
    }
  }
  expect(merged).toBeGreaterThan(20);
  expect(refused).toBeGreaterThan(20);
});
