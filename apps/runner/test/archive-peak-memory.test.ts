import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { affineStorage, createGraphBuilder, type Model, type Parameter } from '@tamp/core';
import { exportArchive } from '@tamp/export-zip/node';
import { afterAll, beforeAll, expect, it } from 'vitest';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tamp-peak-memory-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const layers = 6;

/** Square int8 layers one after the other, of bytes that do not compress. */
function int8Model(width: number): Model {
  const builder = createGraphBuilder();
  const parameters = new Map<string, Parameter>();
  const shape = [width, width];
  const scheme = { bits: 8, symmetric: true, granularity: { kind: 'channel' } } as const;
  const scales = new Float32Array(width).fill(1 / (64 * Math.sqrt(width)));
  let value = builder.input('x', { dtype: 'float32', shape: [null, width] });
  let state = 1;
  for (let layer = 0; layer < layers; layer++) {
    const name = `weight${layer}`;
    const words = new Uint32Array((width * width) / 4);
    for (let i = 0; i < words.length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      words[i] = state;
    }
    const levels = new Int8Array(words.buffer);
    parameters.set(name, { name, shape, storage: affineStorage({ levels, scales }, scheme, shape) });
    const activation = { kind: 'token' };
    value = builder.apply('int8_linear', [value, builder.parameter(name, shape)], { activation });
  }
  builder.output('y', value);
  return { graph: builder.build(), parameters, architecture: 'test', config: { width }, assets: new Map() };
}

it('the highest memory of a process that runs an archive has no room for float copies of its weights', async () => {
  const widths = [64, 3072];
  const paths: string[] = [];
  for (const width of widths) {
    const path = join(folder, `${width}.tamp.zip`);
    await exportArchive(int8Model(width), path);
    paths.push(path);
  }
  const script = fileURLToPath(new URL('measure-archive.mjs', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...paths]);
  const [small, large]: number[] = JSON.parse(stdout);
  const packed = layers * 3072 ** 2;
  expect(large - small).toBeGreaterThan(packed);
  // The packed weights, what is read of the file before it is packed, and what is collected late. Float copies would
  // take four times the packed weights more.
  expect(large - small).toBeLessThan(2.5 * packed);
}, 180_000);
