import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type AffineScheme,
  affineStorage,
  denseStorage,
  type Model,
  type Modifier,
  type NamedModifier,
  type Parameter,
  type ParameterSink,
  quantizeWeight,
  Random,
  readParameter,
} from '@tamp/core';
import { expectNoTensorLeaks } from '@tamp/fixtures/tensor-leaks';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { checkpointFolder } from '@tamp/core/node';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { runSequential, type SequentialOptions } from '../../src/index.js';
import { batches, blockModel, halve } from '../models/blocks.js';

let folder = '';
beforeAll(() => tf.setBackend('cpu'));
expectNoTensorLeaks();
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tamp-resume-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const scheme: AffineScheme = { bits: 4, symmetric: false, granularity: { kind: 'channel' } };

/** Halves weights by what it saw, then packs them: state of each block depends on all before it. */
function modifiers(): readonly NamedModifier[] {
  const watcher = halve();
  const pack: Modifier = {
    needs: 'nothing',
    plan: () => ({ targets: [] }),
    async rewrite(region, editor) {
      for (const node of editor.model.graph.nodes) {
        const parameter = editor.model.parameters.get(`${node.scope}.weight`);
        if (node.kind !== 'operator' || !region.nodes.has(node.name) || parameter === undefined) continue;
        const seen = watcher.seen.get(node.scope) ?? [];
        const mean = seen.reduce((sum, value) => sum + value, 0) / Math.max(1, seen.length);
        const values = (await readParameter(parameter)).map((value) => value + mean);
        const quantized = quantizeWeight(values, 6, 6, scheme);
        editor.setParameter({ ...parameter, storage: affineStorage(quantized, scheme, [6, 6]) });
        const { name } = parameter;
        editor.report({
          layer: node.scope,
          parameter: name,
          modifier: 'pack',
          scheme: 'W4',
          bytesBefore: 1,
          bytesAfter: 1,
        });
      }
    },
  };
  return [
    { name: 'halve', modifier: watcher.modifier },
    { name: 'pack', modifier: pack },
  ];
}

async function bytesOfModel(model: Model): Promise<string> {
  const parts: unknown[] = [];
  for (const [name, parameter] of [...model.parameters].sort(([a], [b]) => (a < b ? -1 : 1))) {
    parts.push([name, parameter.storage.kind, [...(await readParameter(parameter))]]);
  }
  return JSON.stringify([model.graph, parts]);
}

async function run(
  options: SequentialOptions,
): Promise<{ readonly bytes: string; readonly layers: readonly string[] }> {
  const { model, layers } = await runSequential(blockModel(5).model, modifiers(), batches(3), options);
  return { bytes: await bytesOfModel(model), layers: layers.map(({ layer }) => layer) };
}

/** A run that ends at the n-th thing it tells, and how many there were; undefined when it came to its end. */
async function interrupted(at: number, checkpoint: SequentialOptions['checkpoint']): Promise<boolean> {
  const controller = new AbortController();
  let told = 0;
  try {
    await run({
      signal: controller.signal,
      ...(checkpoint === undefined ? {} : { checkpoint }),
      onProgress: () => {
        if (++told === at) controller.abort();
      },
    });
    return false;
  } catch (error) {
    expect(controller.signal.aborted).toBe(true);
    expect(error).toBe(controller.signal.reason);
    return true;
  }
}

describe('a run that goes on where another stopped', () => {
  test('ends as an undisturbed one, at 25 moments, also when it is stopped again and again', async () => {
    const undisturbed = await run({});
    const random = new Random(1);
    let stopped = 0;
    for (let trial = 0; trial < 25; trial++) {
      const path = join(folder, `${trial}`);
      for (let again = 0; again < 1 + (trial % 3); again++) {
        const store = checkpointFolder(path);
        if (await interrupted(1 + Math.floor(random.uniform() * 55), store)) stopped++;
        await store.close();
      }
      const store = checkpointFolder(path);
      expect(await run({ checkpoint: store })).toEqual(undisturbed);
      await store.clear();
    }
    expect(stopped).toBeGreaterThan(20);
    expect(await readdir(folder)).toEqual([]);
  });

  test('does not repeat what was done: a finished run is only read', async () => {
    const path = join(folder, 'done');
    const first = checkpointFolder(path);
    const undisturbed = await run({ checkpoint: first });
    await first.close();
    const phases: string[] = [];
    const second = checkpointFolder(path);
    expect(await run({ checkpoint: second, onProgress: ({ phase }) => phases.push(phase) })).toEqual(
      undisturbed,
    );
    expect(phases).toEqual([]);
    await second.clear();
  });

  test('keeps every part of the weights, no values that nobody needs any more, and no temporary file', async () => {
    const path = join(folder, 'files');
    const store = checkpointFolder(path);
    await run({ checkpoint: store });
    await store.close();
    expect((await readdir(path)).sort()).toEqual([
      'state.json',
      // The part before the first block has no weights.
      ...[2, 3, 4, 5, 6].map((next) => `weights-${next}.bin`),
    ]);
  });
});

test('finished parameters go out in the same order again, before those of the next parts', async () => {
  const taking = (): { readonly names: string[]; readonly finished: ParameterSink } => {
    const names: string[] = [];
    const put = async (parameter: Parameter): Promise<Parameter> => {
      names.push(parameter.name);
      return { ...parameter };
    };
    return { names, finished: { put } };
  };
  const all = taking();
  const undisturbed = await run({ finished: all.finished });
  // Five blocks of two layers, and the head.
  expect(new Set(all.names).size).toBe(11);
  const store = checkpointFolder(join(folder, 'order'));
  await interrupted(30, store);
  await store.close();
  const sizes = await Promise.all(
    (await readdir(join(folder, 'order'))).map(async (name) => [
      name,
      (await stat(join(folder, 'order', name))).ino,
    ]),
  );
  const again = checkpointFolder(join(folder, 'order'));
  const rest = taking();
  expect(await run({ checkpoint: again, finished: rest.finished })).toEqual(undisturbed);
  expect(rest.names).toEqual(all.names);
  // What was saved before is not written again, though it has moved.
  const weights = sizes.filter(([name]) => String(name).startsWith('weights'));
  expect(weights.length).toBeGreaterThan(0);
  for (const [name, inode] of weights) {
    expect((await stat(join(folder, 'order', String(name)))).ino).toBe(inode);
  }
  await again.clear();
});

test('a damaged checkpoint is refused, whichever byte is wrong', async () => {
  const path = join(folder, 'damaged');
  const store = checkpointFolder(path);
  await interrupted(30, store);
  await store.close();
  for (const file of await readdir(path)) {
    const bytes = await readFile(join(path, file));
    for (const at of [0, Math.floor(bytes.length / 2), bytes.length - 1]) {
      const spoilt = Buffer.from(bytes);
      spoilt[at] ^= 1;
      await writeFile(join(path, file), spoilt);
      const again = checkpointFolder(path);
      await expect(run({ checkpoint: again })).rejects.toThrow(
        /the checkpoint is damaged\. Run again without resuming/,
      );
      await again.close();
    }
    await writeFile(join(path, file), bytes);
  }
});

/** Adds up what it sees, and makes the sum the value of a parameter when all is done. */
function adding(keepsState: boolean): NamedModifier {
  let sum = 0;
  const observe = async (value: tf.Tensor): Promise<void> => {
    for (const number of await value.data()) sum += number;
  };
  const modifier: Modifier = {
    needs: 'calibration',
    plan: () => ({ targets: [] }),
    observe: ({ nodes }) =>
      [...nodes].filter((node) => node.endsWith('relu')).map((node) => ({ node, observe })),
    async finish(editor) {
      const head = editor.model.parameters.get('head.weight');
      if (head === undefined) throw new Error('no head');
      editor.setParameter({ ...head, storage: denseStorage(new Float32Array(36).fill(sum)) });
    },
  };
  const states: Pick<Modifier, 'saveState' | 'restoreState'> = {
    saveState: () => sum,
    restoreState(state) {
      sum = Number(state);
    },
  };
  return { name: 'adding', modifier: keepsState ? { ...modifier, ...states } : modifier };
}

describe('a modifier whose last word comes after all parts', () => {
  const runWith = async (named: NamedModifier, options: SequentialOptions): Promise<string> =>
    bytesOfModel((await runSequential(blockModel(5).model, [named], batches(3), options)).model);

  test('goes on with the state that it saved, wherever it was stopped', async () => {
    const undisturbed = await runWith(adding(true), {});
    for (const at of [2, 9, 14, 21, 30]) {
      const path = join(folder, `state-${at}`);
      const controller = new AbortController();
      let told = 0;
      const store = checkpointFolder(path);
      const stopped = runWith(adding(true), {
        checkpoint: store,
        signal: controller.signal,
        onProgress: () => {
          if (++told === at) controller.abort();
        },
      });
      await expect(stopped).rejects.toThrow();
      await store.close();
      const again = checkpointFolder(path);
      expect(await runWith(adding(true), { checkpoint: again })).toBe(undisturbed);
      await again.clear();
    }
  });

  test('starts over when it saves none', async () => {
    const store = checkpointFolder(join(folder, 'finish'));
    await runWith(adding(false), { checkpoint: store });
    expect(await readdir(folder)).toEqual([]);
  });
});
