import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The repository's root: what the files below are relative to. */
export const repository = join(import.meta.dirname, '../../../..');

/** Those of this package that are for one engine alone. */
const ofOneEngine = ['chromium.test.ts', 'newer-engine.test.ts'];

/** Tests that run kernels: of this package, and of those above it that hold the kernels' results to reference values. */
export const kernelTests: readonly string[] = [
  'packages/backend-cpu/test/calibration-kernels.test.ts',
  'packages/backend-cpu/test/conv2d.test.ts',
  'packages/backend-cpu/test/fused.test.ts',
  'packages/backend-cpu/test/int8-accumulators.test.ts',
  'packages/backend-cpu/test/matmul.test.ts',
  'packages/backend-cpu/test/quantized-linear.test.ts',
  'packages/int8-linear/test/fbgemm.test.ts',
  'packages/int8-linear/test/int8-linear.test.ts',
  'packages/gptq/test/gptq-weight.test.ts',
  'packages/models/test/perplexity.test.ts',
];

/** The tests that run in a newer engine too: those, and all others of this package. */
export const testFiles: readonly string[] = [
  ...new Set([
    ...kernelTests,
    ...readdirSync(join(import.meta.dirname, '..'))
      .filter((file) => file.endsWith('.test.ts') && !ofOneEngine.includes(file))
      .map((file) => `packages/backend-cpu/test/${file}`),
  ]),
];
