import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { repository, testFiles } from './test-files.js';

/** How newer-engine.test.ts runs other tests in a newer Node. */
export default defineConfig({
  root: repository,
  test: {
    include: [...testFiles],
    setupFiles: [join(import.meta.dirname, 'note-simd.ts')],
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // The tests beside this run need the other cores.
    maxWorkers: '50%',
    cache: false,
  },
});
