import '@tensorflow/tfjs-backend-cpu';
import {
  bytesOf,
  createGraphBuilder,
  createModelRunner,
  denseStorage,
  type Model,
  readAll,
  registerReferenceKernels,
} from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import { unzipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { joinPlanes } from '../src/compression/byte-planes.js';
import { openArchive } from '../src/index.js';
import { archiveOf, contentsOf, sourcesOf } from './models/contents.js';
import { everyStorage } from './models/every-storage.js';

describe('an archive', () => {
  it.each(['auto', 'store', 'smallest'] as const)(
    'gives back every kind of storage (%s)',
    async (compression) => {
      const model = everyStorage();
      const opened = await openArchive(bytesOf(await archiveOf(model, { compression })));
      expect(await contentsOf(opened)).toEqual(await contentsOf(model));
    },
  );

  it('is the same bytes for the same model', async () => {
    expect(await archiveOf(everyStorage())).toEqual(await archiveOf(everyStorage()));
  });

  it('runs like the model it was written from', async () => {
    await tf.setBackend('cpu');
    registerReferenceKernels();
    const before = tf.memory().numTensors;
    const model = everyStorage();
    const x = tf.tensor(
      Float32Array.from({ length: 48 }, (_, i) => Math.sin(i)),
      [3, 16],
    );
    const run = async (from: Model): Promise<Float32Array> => {
      const runner = createModelRunner(from);
      const { y } = await runner.run({ x });
      const values = (await y.data()) as Float32Array;
      y.dispose();
      runner.dispose();
      return values;
    };
    const expected = await run(model);
    expect(expected.some((value) => Math.abs(value) > 1e-3)).toBe(true);
    // No tolerance: both run the same kernels on the same packed bytes.
    expect(await run(await openArchive(bytesOf(await archiveOf(model))))).toEqual(expected);
    x.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('is a ZIP that others read: entries have the contents the manifest describes', async () => {
    const model = everyStorage();
    const files = unzipSync(await archiveOf(model));
    expect(files['assets/tokenizer.json']).toEqual(
      await readAll(model.assets.get('tokenizer.json') ?? bytesOf(new Uint8Array())),
    );
    const manifest = JSON.parse(new TextDecoder().decode(files['manifest.json']));
    expect(Object.keys(files).length).toBe(manifest.entries.length + manifest.assets.length + 1);
    const parameter = manifest.parameters.find((item: { name: string }) => item.name === 'brain.weight');
    const { entry, offset = 0, bytes } = parameter.encoding.values;
    const { name, planes = 1 } = manifest.entries[entry];
    const original = model.parameters.get('brain.weight');
    const expected = original === undefined ? undefined : await readAll(sourcesOf(original).values);
    expect(joinPlanes(files[name], planes).subarray(offset, offset + bytes)).toEqual(expected);
  });

  it('stores bytes that two parameters share once', async () => {
    const model = everyStorage();
    const files = unzipSync(await archiveOf(model));
    const manifest = JSON.parse(new TextDecoder().decode(files['manifest.json']));
    const stream = (wanted: string): unknown =>
      manifest.parameters.find((item: { name: string }) => item.name === wanted).encoding.values;
    expect(stream('bias.b')).toEqual(stream('bias.a'));
    expect(manifest.parameters.filter((item: { name: string }) => item.name === 'tied').length).toBe(1);
  });

  it('holds a model without parameters or assets, and parameters without elements', async () => {
    const builder = createGraphBuilder();
    const x = builder.input('x', { dtype: 'float32', shape: [2] });
    builder.output('y', builder.apply('relu', [x]));
    const model: Model = {
      graph: builder.build(),
      parameters: new Map(),
      architecture: '',
      config: {},
      assets: new Map(),
    };
    expect(await contentsOf(await openArchive(bytesOf(await archiveOf(model))))).toEqual(
      await contentsOf(model),
    );
    const empty = { name: 'none', shape: [0, 4], storage: denseStorage(new Float32Array(0)) };
    const hollow: Model = { ...model, parameters: new Map([['none', empty]]) };
    expect(await contentsOf(await openArchive(bytesOf(await archiveOf(hollow))))).toEqual(
      await contentsOf(hollow),
    );
  });
});

describe('a model that an archive cannot hold', () => {
  const broken: readonly [string, RegExp, (model: Model) => Model][] = [
    [
      'a number that JSON cannot hold',
      /config\.scale is NaN/,
      (model) => ({ ...model, config: { scale: Number.NaN } }),
    ],
    [
      'an asset outside its folder',
      /holds a \. or \.\. step/,
      (model) => ({ ...model, assets: new Map([['../x', bytesOf(new Uint8Array(1))]]) }),
    ],
    [
      'bytes that do not agree with the shape',
      /its values have 4 bytes/,
      (model) => {
        const bias = { name: 'bias.a', shape: [32], storage: denseStorage(new Float32Array(1)) };
        return { ...model, parameters: new Map([...model.parameters, ['bias.a', bias]]) };
      },
    ],
    [
      'a parameter that the graph needs and the model lacks',
      /the model lacks it/,
      (model) => {
        const parameters = new Map(model.parameters);
        parameters.delete('tied');
        return { ...model, parameters };
      },
    ],
    [
      'a name that readers refuse',
      /readers would refuse it/,
      (model) => ({ ...model, architecture: 'x'.repeat(2000) }),
    ],
  ];
  it.each(broken)('is refused: %s', async (_what, message, damage) => {
    await expect(archiveOf(damage(everyStorage()))).rejects.toThrow(message);
  });
});
