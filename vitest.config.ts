import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './longest-first.js';

const root = import.meta.dirname;

/** Every folder with tests and a package.json is a project named after its package. */
const projects = ['packages', 'apps', 'examples']
  .flatMap((group) => readdirSync(join(root, group)).map((name) => join(root, group, name)))
  .concat(join(root, 'fixtures'))
  .filter((folder) => existsSync(join(folder, 'package.json')) && existsSync(join(folder, 'test')))
  .map((folder) => {
    const { name } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    return { extends: true as const, test: { name, root: folder } };
  });

export default defineConfig({
  root,
  // One worker a core: the long tests wait for one thread of a software GPU. Limits are for machines that are busy besides.
  test: {
    projects,
    testTimeout: 180_000,
    hookTimeout: 180_000,
    maxWorkers: '100%',
    sequence: { sequencer: LongestFirst },
  },
});
