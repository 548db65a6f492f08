import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

const example = join(import.meta.dirname, '..');
const tamp = join(example, '../../apps/runner/bin/tamp.js');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tamp-large-'));
  copyFileSync(join(example, 'w4a16.yaml'), join(folder, 'w4a16.yaml'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function make(out: string, ...options: readonly string[]): void {
  execFileSync(process.execPath, [
    join(example, 'make-model.mjs'),
    '--preset',
    'tiny',
    '--out',
    out,
    ...options,
  ]);
}

function digests(of: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    readdirSync(of).map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(of, name)))
        .digest('hex'),
    ]),
  );
}

it('the same preset and seed give the same bytes, another seed gives others', () => {
  make(join(folder, 'a'), '--seed', '7');
  make(join(folder, 'b'), '--seed', '7');
  make(join(folder, 'c'), '--seed', '8');
  expect(digests(join(folder, 'a'))).toEqual(digests(join(folder, 'b')));
  expect(digests(join(folder, 'a'))['model.safetensors']).not.toBe(
    digests(join(folder, 'c'))['model.safetensors'],
  );
});

it('the recipe rounds such a model: linear layers to 4 bits, embedding and head left as they are', () => {
  make(join(folder, 'model'));
  const run = (): {
    readonly layers: readonly { readonly layer: string; readonly relativeError: number }[];
  } =>
    JSON.parse(
      execFileSync(process.execPath, [tamp, 'run', 'w4a16.yaml', '--json', '--quiet'], {
        cwd: folder,
        encoding: 'utf8',
      }),
    );
  const { layers } = run();
  expect(layers).toHaveLength(3 * 7);
  expect(layers.map(({ layer }) => layer)).not.toContain('lm_head');
  for (const { relativeError } of layers) {
    // Normal weights in 4 bits and groups of 64: steps of σ · 2.4 / 7.5, so an error of about 0.32 / √12 = 9%.
    expect(relativeError).toBeGreaterThan(0.08);
    expect(relativeError).toBeLessThan(0.11);
  }
  const archive = join(folder, 'out/w4a16.tamp.zip');
  const first = digests(join(folder, 'out'));
  const inspected: { readonly parameters: readonly { readonly name: string; readonly storage: string }[] } =
    JSON.parse(execFileSync(process.execPath, [tamp, 'inspect', archive, '--json'], { encoding: 'utf8' }));
  expect(inspected.parameters.map(({ name }) => name)).toContain('model.embed_tokens.weight');
  run();
  expect(digests(join(folder, 'out'))).toEqual(first);
});
