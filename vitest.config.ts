import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

const root = import.meta.dirname;

/** Every folder with tests and a package.json is a project named after its package. */
const projects = ['packages', 'apps', 'examples']
  .flatMap((group) => readdirSync(join(root, group)).map((name) => join(root, group, name)))
  .filter((folder) => existsSync(join(folder, 'package.json')) && existsSync(join(folder, 'test')))
  .map((folder) => {
    const { name } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    return { extends: true as const, test: { name, root: folder } };
  });

export default defineConfig({
  root,
  // One worker a core: the long tests wait for one thread of a software GPU.
  test: { projects, testTimeout: 60_000, hookTimeout: 60_000, maxWorkers: '100%' },
});
