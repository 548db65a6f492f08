import { createGraphBuilder, type Graph } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  chooseTargets,
  cutWarnings,
  type PartitionOptions,
  partitionGraph,
  runSequential,
} from '../../src/index.js';
import { batches, blockModel, halve } from '../models/blocks.js';

beforeAll(() => tf.setBackend('cpu'));

/** A stem, a body of four blocks, and a module that computes nothing. */
function nested(): Graph {
  const builder = createGraphBuilder();
  let x = builder.input('x', { dtype: 'float32', shape: [null, 4] });
  builder.scope('nothing', 'Nothing', () => {});
  x = builder.scope('stem', 'Stem', () => builder.apply('relu', [x]));
  builder.scope('body', 'Body', () => {
    for (let i = 0; i < 4; i++) x = builder.scope(`blocks.${i}`, 'Block', () => builder.apply('relu', [x]));
  });
  builder.output('y', x);
  return builder.build();
}

function warnings(targets: readonly string[], options: PartitionOptions = {}): readonly string[] {
  const graph = nested();
  const chosen = chooseTargets(graph, { targets });
  return cutWarnings(graph, chosen, partitionGraph(graph, chosen, options), options);
}

describe('how a model is cut', () => {
  test('is nothing to speak of where blocks are the targets, several to a part or not', () => {
    expect(warnings(['Block'])).toEqual([]);
    expect(warnings(['Block', 'stem'], { targetsPerSubgraph: 4 })).toEqual([]);
  });

  test('surprises where a target holds nothing', () => {
    expect(warnings(['Block', 'Nothing'])).toEqual([
      'The model is cut into 5 parts, not 6: the targets nothing hold no operators.',
    ]);
    // Two of five make the same number of parts as two of four.
    expect(warnings(['stem', 'Nothing'], { targetsPerSubgraph: 2 })).toHaveLength(1);
  });

  test('surprises where a target holds most of the model although its blocks would do', () => {
    expect(warnings(['Body'])).toEqual([
      "The target body holds 80% of the model's operators, and all its weights are in memory together: its 4 blocks of type Block would do with less.",
    ]);
    expect(warnings(['stem'])).toEqual([]);
  });

  test('surprises where nothing of a large model is a target', () => {
    const warned = (rows: number): readonly string[] => {
      const builder = createGraphBuilder();
      const x = builder.input('x', { dtype: 'float32', shape: [null, 4096] });
      const weight = builder.parameter('weight', [rows, 4096]);
      builder.output('y', builder.apply('linear', [x, weight]));
      const graph = builder.build();
      return cutWarnings(graph, [], partitionGraph(graph, []));
    };
    expect(warned(4096)).toEqual([expect.stringMatching(/^The model is calibrated as one part/)]);
    expect(warned(4095)).toEqual([]);
    expect(cutWarnings(nested(), [], partitionGraph(nested(), []))).toEqual([]);
  });
});

test('a run warns before any work, of the plain CPU backend once', async () => {
  const run = async (data: number, targets?: readonly string[]): Promise<readonly string[]> => {
    const said: string[] = [];
    const { modifier } = halve(data === 0 ? 'nothing' : 'calibration');
    await runSequential(blockModel(1).model, [{ name: 'halve', modifier }], batches(data), {
      onWarning: (message) => said.push(message),
      ...(targets === undefined ? {} : { targets }),
    });
    return said;
  };
  expect(await run(0)).toEqual([]);
  expect(await run(1)).toEqual([
    expect.stringMatching(/^Calibration runs on tfjs's plain CPU backend.*@tamp\/backend-cpu/),
  ]);
  expect(await run(1, ['Block'])).toEqual([]);
});
