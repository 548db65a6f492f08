import { createModelRunner, type Model, type Modifier, runBasic } from '@tamp/core';
import { expectNoTensorLeaks } from '@tamp/fixtures/tensor-leaks';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  memoryStorage,
  runSequential,
  type SequentialOptions,
  type SequentialProgress,
} from '../../src/index.js';
import { batches, blockModel, halve } from '../models/blocks.js';

beforeAll(() => tf.setBackend('cpu'));
expectNoTensorLeaks();

/** What flows into each linear layer of a model, over all batches. */
async function inputsOfLayers(model: Model, count: number): Promise<ReadonlyMap<string, readonly number[]>> {
  const watcher = halve();
  const { rewrite: _, ...watch } = watcher.modifier;
  await runBasic(model, [{ name: 'watch', modifier: watch }], batches(count));
  return watcher.seen;
}

function run(model: Model, modifier: Modifier, options: SequentialOptions = {}) {
  return runSequential(model, [{ name: 'halve', modifier }], batches(4), options);
}

describe('what a layer is calibrated on', () => {
  test('inputs that carry the error of the blocks before, and not yet that of its own', async () => {
    const { model } = blockModel();
    const { modifier, seen, regions } = halve();
    const { model: after } = await run(model, modifier);
    expect(regions).toEqual(['before layers.0', 'layers.0', 'layers.1', 'layers.2']);
    const rewritten = await inputsOfLayers(after, 4);
    const original = await inputsOfLayers(model, 4);
    // The first layer of a block sees what the rewritten blocks before it give: the same floats.
    for (const layer of ['layers.0.up', 'layers.1.up', 'layers.2.up']) {
      expect(seen.get(layer)).toEqual(rewritten.get(layer));
    }
    expect(seen.get('layers.1.up')).not.toEqual(original.get('layers.1.up'));
    // Weights halved after the block was seen: what enters the second layer is twice what it will be (exact in floats).
    expect(seen.get('layers.1.down')).toEqual(rewritten.get('layers.1.down')?.map((value) => value * 2));
  });

  test('without propagation of error: the inputs of the original model', async () => {
    const { model } = blockModel();
    const { modifier, seen } = halve();
    await run(model, modifier, { propagateError: false });
    expect(seen).toEqual(await inputsOfLayers(model, 4));
  });

  test('the error of a modifier that needs no data is propagated as well', async () => {
    const { model } = blockModel();
    const rounding = halve('nothing');
    const watcher = halve();
    const { rewrite: _, ...watch } = watcher.modifier;
    const { model: after } = await runSequential(
      model,
      [
        { name: 'rounding', modifier: rounding.modifier },
        { name: 'watch', modifier: watch },
      ],
      batches(4),
    );
    expect(watcher.seen).toEqual(await inputsOfLayers(after, 4));
  });

  test('the result does not depend on how blocks share subgraphs when nothing is rewritten in between', async () => {
    const { model } = blockModel(5);
    const runs = await Promise.all(
      [1, 2, 5].map(async (targetsPerSubgraph) => {
        const { modifier, seen } = halve();
        const { rewrite: _, ...watch } = modifier;
        await runSequential(model, [{ name: 'watch', modifier: watch }], batches(3), { targetsPerSubgraph });
        return seen;
      }),
    );
    expect(runs[1]).toEqual(runs[0]);
    expect(runs[2]).toEqual(runs[0]);
  });
});

describe('what it costs', () => {
  test('a block is read when its turn comes, and the head not at all when nothing looks behind it', async () => {
    const { model, reads } = blockModel();
    const { modifier } = halve('calibration', (name) => name !== 'head');
    const { rewrite: _, ...watch } = modifier;
    const progress: SequentialProgress[] = [];
    const at: string[] = [];
    await run(model, watch, {
      onProgress: (event) => {
        progress.push(event);
        for (const name of reads.splice(0)) at.push(`${event.name} ${event.phase}: ${name}`);
      },
    });
    expect(reads).toEqual([]);
    // While a block is observed its last layer is not computed, so not read either.
    expect(at).toEqual([
      'layers.0 calibrate: layers.0.up.weight',
      'layers.0 propagate: layers.0.up.weight',
      'layers.0 propagate: layers.0.down.weight',
      'layers.1 calibrate: layers.1.up.weight',
      'layers.1 propagate: layers.1.up.weight',
      'layers.1 propagate: layers.1.down.weight',
      'layers.2 calibrate: layers.2.up.weight',
    ]);
    expect(
      progress
        .filter(({ phase }) => phase === 'propagate')
        .map(({ name, done, total }) => [name, done, total]),
    ).toEqual(
      ['before layers.0', 'layers.0', 'layers.1'].flatMap((name) =>
        [1, 2, 3, 4].map((done) => [name, done, 4]),
      ),
    );
  });

  test('intermediates are dropped once consumed: at most those between two subgraphs at a time', async () => {
    const { model } = blockModel(6);
    const inner = memoryStorage();
    let held = 0;
    let most = 0;
    const sizes = new Map<number, number>();
    await run(model, halve().modifier, {
      storage: {
        ...inner,
        async save(bytes) {
          const key = await inner.save(bytes);
          sizes.set(key, bytes.byteLength);
          held += bytes.byteLength;
          most = Math.max(most, held);
          return key;
        },
        async remove(key) {
          held -= sizes.get(key) ?? 0;
          await inner.remove(key);
        },
      },
    });
    // 4 batches of 3 × 6 floats come in, and as many go out.
    expect(most).toBe(2 * 4 * 3 * 6 * 4);
    expect(held).toBe(0);
  });

  test('nothing flows when no modifier wants data', async () => {
    const { model, reads } = blockModel();
    const { modifier, regions } = halve('nothing');
    const untouchable = { count: 4, batch: () => Promise.reject(new Error('data was read')) };
    await runSequential(model, [{ name: 'halve', modifier }], untouchable);
    expect(regions).toHaveLength(4);
    expect(reads).toHaveLength(7);
  });
});

describe('what it refuses', () => {
  const refused: readonly [string, Parameters<typeof batches>, string][] = [
    ['an empty calibration set', [0], 'the calibration set is empty. Give at least one calibration sample'],
    [
      'NaN in it',
      [3, (values, i) => (i === 1 ? values.fill(Number.NaN, 7, 8) : values)],
      'calibration batch 2 holds NaN at position 7 of x. Take out samples',
    ],
  ];
  test.each(refused)('%s', async (_, data, message) => {
    const { model, reads } = blockModel();
    const { modifier } = halve();
    await expect(runSequential(model, [{ name: 'halve', modifier }], batches(...data))).rejects.toThrow(
      message,
    );
    expect(reads).toEqual([]);
  });

  test('a window shorter than the others, naming it; fewer samples in a batch are fine', async () => {
    const { model } = blockModel();
    const windows = (lengths: readonly number[]) => ({
      count: lengths.length,
      batch: async (i: number) => ({ x: tf.ones([1, lengths[i], 6]) }),
    });
    const graph = {
      ...model.graph,
      nodes: model.graph.nodes.map((node) =>
        node.kind === 'input' ? { ...node, type: { ...node.type, shape: [null, null, 6] } } : node,
      ),
    };
    const named = [{ name: 'halve', modifier: halve().modifier }];
    await expect(runSequential({ ...model, graph }, named, windows([5, 5, 4]))).rejects.toThrow(
      'calibration batch 3 has x of shape [1, 4, 6], the first one [1, 5, 6]. Cut all calibration windows to one length',
    );
    await expect(runSequential({ ...model, graph }, named, windows([5, 5, 5]))).resolves.toBeDefined();
    const smaller = batches(3, (values, i) => (i === 2 ? values.subarray(0, 6) : values));
    await expect(
      runSequential(model, [{ name: 'halve', modifier: halve().modifier }], smaller),
    ).resolves.toBeDefined();
  });

  test('values that overflow on the way, naming the layer', async () => {
    const { model } = blockModel();
    const huge = batches(2, (values) => values.fill(3e38));
    await expect(runSequential(model, [{ name: 'halve', modifier: halve().modifier }], huge)).rejects.toThrow(
      /^layers\.0.*: its output is (-?Infinity|NaN) for calibration batch 1/,
    );
  });

  test('a modifier that fails: its name is told, and nothing stays', async () => {
    const { model } = blockModel();
    const { modifier } = halve();
    const failing: Modifier = {
      ...modifier,
      rewrite: (region, editor) =>
        region.name === 'layers.1'
          ? Promise.reject(new Error('no idea'))
          : (modifier.rewrite?.(region, editor) ?? Promise.resolve()),
    };
    await expect(run(model, failing)).rejects.toThrow('halve: the modifier failed: no idea');
  });

  test('to go on after an abort', async () => {
    const { model } = blockModel();
    const controller = new AbortController();
    const { modifier, regions } = halve();
    const aborted = run(model, modifier, {
      signal: controller.signal,
      onProgress: ({ name, phase, done }) => {
        if (name === 'layers.1' && phase === 'calibrate' && done === 2) controller.abort();
      },
    });
    await expect(aborted).rejects.toThrow(/abort/i);
    expect(regions.at(-1)).toBe('layers.1');
  });
});

test('the rewritten model runs', async () => {
  const { model } = blockModel();
  const { model: after } = await run(model, halve().modifier);
  const runner = createModelRunner(after);
  const x = tf.ones([1, 6]);
  const { y } = await runner.run({ x });
  expect(y.shape).toEqual([1, 6]);
  tf.dispose([x, y]);
  runner.dispose();
});
