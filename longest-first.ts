import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Test files that take longest, longest first: begun last, one of them would run on alone while a core stands idle. */
const longest = [
  'packages/backend-webgpu/test/chromium.test.ts',
  'apps/runner/test/reference-quality.test.ts',
  'packages/backend-webgpu/test/kernels.test.ts',
  'apps/runner/test/resume.test.ts',
  'apps/playground/test/playground.test.ts',
  'packages/backend-webgpu/test/tiny-llama.test.ts',
  'packages/backend-cpu/test/newer-engine.test.ts',
  'packages/generation/test/decoding.test.ts',
  'apps/runner/test/commands.test.ts',
  'examples/browser/test/browser.test.ts',
  'packages/generation/test/webgpu-memory.test.ts',
  'apps/runner/test/equalization-quality.test.ts',
  'apps/runner/test/plan.test.ts',
  'examples/digits/test/digits.test.ts',
];

/** Begins with the longest test files; the others follow as vitest sorts them. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = longest.indexOf(relative(import.meta.dirname, moduleId));
      return at === -1 ? longest.length : at;
    };
    return sorted.toSorted((a, b) => rank(a) - rank(b));
  }
}
