import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The repository's root: what the files below are relative to. */
export const repository = join(import.meta.dirname, '../../../..');

/** Those of this package that are for one engine alone. */
const ofOneEngine = ['chromium.test.ts', 'newer-engine.test.ts'];

/**
 * The tests that run in a newer engine too: all of this package's, and of the packages above it those that hold the
 * kernels' results to reference values.
 */
export const testFiles: readonly string[] = [
  ...readdirSync(join(import.meta.dirname, '..'))
    .filter((file) => file.endsWith('.test.ts') && !ofOneEngine.includes(file))
    .map((file) => `packages/backend-cpu/test/${file}`),
  'packages/int8-linear/test/fbgemm.test.ts',
  'packages/int8-linear/test/int8-linear.test.ts',
  'packages/gptq/test/gptq-weight.test.ts',
  'packages/models/test/perplexity.test.ts',
];
