import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createGraphBuilder, denseStorage, readParameter, runDataFree } from '@tamp/core';
import { afterAll, describe, expect, it } from 'vitest';
import prune from '../index.js';
import { pruneSmallest } from '../prune-smallest.js';

const folder = fileURLToPath(new URL('..', import.meta.url));
const bin = join(createRequire(import.meta.url).resolve('tamp/package.json'), '..', 'bin', 'tamp.js');

afterAll(() => rmSync(join(folder, 'out'), { recursive: true, force: true }));

function oneLayer(weights) {
  const builder = createGraphBuilder();
  const x = builder.input('x', { dtype: 'float32', shape: [null, weights.length] });
  const weight = builder.parameter('weight', [1, weights.length]);
  builder.output(
    'y',
    builder.scope('layer', 'Linear', () => builder.apply('linear', [x, weight])),
  );
  return {
    graph: builder.build(),
    parameters: new Map([
      ['weight', { name: 'weight', shape: [1, weights.length], storage: denseStorage(weights) }],
    ]),
    architecture: 'OneLayer',
    config: {},
    assets: new Map(),
  };
}

describe('pruneSmallest', () => {
  it('takes the smallest magnitudes, rounded down, the earlier of equals first', () => {
    const weights = Float32Array.of(3, -1, 1, -2, 0.5);
    expect([...pruneSmallest(weights, 0.5)]).toEqual([3, 0, 1, -2, 0]);
    expect([...pruneSmallest(weights, 0)]).toEqual([...weights]);
    expect([...pruneSmallest(weights, 1)]).toEqual([0, 0, 0, 0, 0]);
    expect([...weights]).toEqual([3, -1, 1, -2, 0.5]);
  });
});

describe('the modifier', () => {
  it('prunes a layer and reports its error', async () => {
    const modifier = prune.create(prune.options.parse({ fraction: 0.5 }));
    const { model, layers } = await runDataFree(oneLayer(Float32Array.of(4, 3, 0, 0)), [
      { name: prune.name, modifier },
    ]);
    const weight = model.parameters.get('weight');
    expect(weight && [...(await readParameter(weight))]).toEqual([4, 3, 0, 0]);
    expect(layers).toMatchObject([{ layer: 'layer', scheme: 'prune 50%', relativeError: 0 }]);

    const more = prune.create(prune.options.parse({ fraction: 0.75 }));
    const again = await runDataFree(model, [{ name: prune.name, modifier: more }]);
    // ‖(0, 3)‖ / ‖(4, 3)‖
    expect(again.layers[0].relativeError).toBeCloseTo(3 / 5, 12);
  });
});

describe('its recipe', () => {
  it('runs, with the modifier found from its folder', async () => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [bin, 'run', 'recipe.yaml', '--no-eval', '--json'],
      {
        cwd: folder,
      },
    );
    const { layers, artifacts } = JSON.parse(stdout);
    const modifiers = layers.map(({ modifier }) => modifier);
    expect(modifiers.slice(0, 28)).toEqual(Array(28).fill('tamp-modifier-prune'));
    expect(modifiers.slice(28)).toEqual(Array(28).fill('@tamp/weight-only'));
    expect(artifacts).toHaveLength(1);
  });
});
