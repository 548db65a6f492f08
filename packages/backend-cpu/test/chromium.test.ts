import { join } from 'node:path';
import { hasChromium } from '@tamp/fixtures/chromium';
import { type ChromiumPage, startChromiumPage } from '@tamp/fixtures/chromium-page';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SimdVariant } from '../src/index.js';
import type { TestPage } from './page/main.js';

// Node 20 has no relaxed SIMD that works: here its kernels run whatever the version of Node.
describe.skipIf(!hasChromium('relaxed SIMD'))('relaxed SIMD in Chromium', () => {
  let page: ChromiumPage<TestPage>;
  let variants: readonly SimdVariant[];
  beforeAll(async () => {
    page = await startChromiumPage<TestPage>(join(import.meta.dirname, 'page'));
    variants = await page.call('start');
  });
  afterAll(() => page.close());

  it('is there; 8 bits in one instruction where the processor has it', () => {
    expect(variants.slice(0, 2)).toEqual(['baseline', 'relaxed']);
    // All weights, that is: firstWrongWideSum() says which are exact on other processors.
    const wide = variants.includes('relaxed-wide')
      ? 'full 8-bit levels run in one instruction'
      : 'NOT RUN: full 8-bit levels in one instruction, because it is not exact here (a processor without AVX-VNNI)';
    console.log(`Chromium ${page.version}: ${variants.join(', ')}; ${wide}`);
  });

  it('int8 sums are the integers of plain arithmetic in every variant', async () => {
    expect(await page.call('wrongSum')).toBeNull();
    expect(await page.call('wrongWideSum', process.arch === 'x64')).toBeNull();
  });

  it('int8 and group-wise layers have the same bits in every variant', async () => {
    expect(await page.call('disagreement')).toBeNull();
  });
});
