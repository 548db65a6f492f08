import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resolveModifiers } from './world/resolve-modifiers.js';

const require = createRequire(import.meta.url);
/** Folders of the packages that tamp itself uses. */
const corePackage = dirname(require.resolve('@tamp/core/package.json'));
const tfjsPackage = dirname(require.resolve('@tensorflow/tfjs-core/package.json'));
const zodPackage = dirname(createRequire(join(corePackage, 'package.json')).resolve('zod/package.json'));

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tamp-modifiers-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Puts a package of the given source into the project's node_modules. */
function install(name: string, source: string, manifest: object = {}): string {
  const path = join(folder, 'node_modules', name);
  mkdirSync(path, { recursive: true });
  writeFileSync(
    join(path, 'package.json'),
    JSON.stringify({ name, version: '1.0.0', type: 'module', exports: './index.js', ...manifest }),
  );
  writeFileSync(join(path, 'index.js'), source);
  return path;
}

function link(name: string, target: string, below = folder): void {
  const path = join(below, 'node_modules', name);
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(target, path, 'dir');
}

/** The packages that a modifier shares with tamp, as npm would lay them out. */
function installShared(): void {
  link('@tamp/core', corePackage);
  link('@tensorflow/tfjs-core', tfjsPackage);
  link('zod', zodPackage);
}

const source = (name: string): string => `
import { defineModifier } from '@tamp/core';
import { z } from 'zod';
export default defineModifier({
  name: '${name}',
  description: 'Does nothing.',
  options: z.strictObject({}),
  create: () => ({ needs: 'nothing', plan: () => ({ targets: [] }) }),
});
`;

describe('a modifier', () => {
  it("is found in the recipe's own node_modules, by a relative path, and among those of tamp itself", async () => {
    installShared();
    install('tamp-modifier-there', source('tamp-modifier-there'));
    writeFileSync(join(folder, 'mine.js'), source('mine'));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    expect(await resolveModifiers(folder, 'tamp-modifier-there', './mine.js', '@tamp/weight-only')).toEqual([
      { name: 'tamp-modifier-there' },
      { name: 'mine' },
      { name: '@tamp/weight-only' },
    ]);
  });

  it('is found by the conditions of ES modules, in a scope, and by a subpath', async () => {
    installShared();
    install('@somebody/tamp-modifier-there', source('there'), {
      exports: { './more': { import: './index.js' } },
    });
    expect(
      await resolveModifiers(folder, '@somebody/tamp-modifier-there/more', '@somebody/tamp-modifier-there'),
    ).toEqual([{ name: 'there' }, { error: expect.stringContaining('cannot be imported') }]);
  });

  it('that does not exist is refused as unknown', async () => {
    const uses = [
      'tamp-modifier-absent',
      './absent.js',
      'node:fs',
      'fs',
      'data:text/javascript,0',
      '/etc/passwd',
      '',
    ];
    for (const resolution of await resolveModifiers(folder, ...uses)) {
      expect(resolution).toEqual({ error: expect.stringMatching(/^there is no modifier/) });
    }
  });

  it('that is mistyped is asked back, with those of the project among the suggestions', async () => {
    installShared();
    install('tamp-modifier-there', source('tamp-modifier-there'));
    writeFileSync(join(folder, 'package.json'), '{ "dependencies": { "tamp-modifier-there": "1" } }');
    expect(await resolveModifiers(folder, 'tamp-modifier-their', '@tamp/weightonly')).toEqual([
      { error: expect.stringContaining('Did you mean tamp-modifier-there?') },
      { error: expect.stringContaining('Did you mean @tamp/weight-only?') },
    ]);
  });

  it('must be a modifier', async () => {
    installShared();
    install('tamp-modifier-number', 'export default 3;');
    install('tamp-modifier-named', 'export const modifier = {};');
    install(
      'tamp-modifier-lookalike',
      'export default { name: "x", create() {}, options: { safeParse() {} } };',
    );
    const uses = ['tamp-modifier-number', 'tamp-modifier-named', 'tamp-modifier-lookalike', '@tamp/core'];
    for (const resolution of await resolveModifiers(folder, ...uses)) {
      expect(resolution).toEqual({ error: expect.stringMatching(/is no modifier\. .*defineModifier/) });
    }
  });

  it('that cannot be loaded is named', async () => {
    install('tamp-modifier-broken', 'throw new Error("out of order");');
    rmSync(join(install('tamp-modifier-unbuilt', ''), 'index.js'));
    expect(await resolveModifiers(folder, 'tamp-modifier-broken', 'tamp-modifier-unbuilt')).toEqual([
      { error: expect.stringContaining('tamp-modifier-broken cannot be loaded: out of order') },
      { error: expect.stringMatching(/tamp-modifier-unbuilt is installed, but its file .* is missing/) },
    ]);
  });
});

describe('a second copy', () => {
  it('of @tamp/core is refused before its code runs', async () => {
    const path = install('tamp-modifier-own-core', 'throw new Error("was run");');
    const copy = join(path, 'node_modules', '@tamp', 'core');
    cpSync(join(corePackage, 'package.json'), join(copy, 'package.json'));
    cpSync(join(corePackage, 'dist'), join(copy, 'dist'), { recursive: true });
    const [resolution] = await resolveModifiers(folder, 'tamp-modifier-own-core');
    expect(resolution).toEqual({
      error: expect.stringMatching(
        /brings a copy of @tamp\/core of its own .*Make @tamp\/core a peer dependency/,
      ),
    });
  });

  it('of tfjs-core is refused before its code runs', async () => {
    const path = install('tamp-modifier-own-tfjs', 'throw new Error("was run");');
    link('@tamp/core', corePackage);
    const copy = join(path, 'node_modules', '@tensorflow', 'tfjs-core');
    mkdirSync(copy, { recursive: true });
    writeFileSync(join(copy, 'package.json'), '{ "name": "@tensorflow/tfjs-core", "main": "index.js" }');
    writeFileSync(join(copy, 'index.js'), '');
    const [resolution] = await resolveModifiers(folder, 'tamp-modifier-own-tfjs');
    expect(resolution).toEqual({
      error: expect.stringContaining('brings a copy of @tensorflow/tfjs-core of its own'),
    });
  });

  it('that is bundled is known by its stamp', async () => {
    install(
      'tamp-modifier-bundled',
      'export default { name: "x", create() {}, options: { safeParse() {} }, core: { package: "@tamp/core" } };',
    );
    const [resolution] = await resolveModifiers(folder, 'tamp-modifier-bundled');
    expect(resolution).toEqual({ error: expect.stringContaining('brings a copy of @tamp/core of its own') });
  });
});
