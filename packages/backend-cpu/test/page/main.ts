import '@tensorflow/tfjs-backend-cpu';
import {
  type CpuBackend,
  registerCpuBackend,
  type SimdVariant,
  supportedSimdVariants,
} from '../../src/index.js';
import { firstWrongSum, firstWrongWideSum } from '../body/int8-sums.js';
import { firstDisagreement, forceWide } from '../body/variants-agree.js';

/** What a test in Node can call in the page. */
export interface TestPage {
  /** Registers a backend for every variant of the kernels that this engine runs, and names the variants. */
  start(): Promise<readonly SimdVariant[]>;
  /** See {@link firstWrongSum}; null when every sum is right. */
  wrongSum(): Promise<string | null>;
  /** See {@link firstWrongWideSum}; the relaxed variant's. */
  wrongWideSum(unsigned: boolean): Promise<string | null>;
  /** See {@link firstDisagreement}; the kernels for AVX-VNNI take part where they can. */
  disagreement(): Promise<string | null>;
}

const backends: CpuBackend[] = [];

const testPage: TestPage = {
  async start() {
    const variants = await supportedSimdVariants();
    for (const simd of variants) {
      backends.push(await registerCpuBackend({ name: `tamp-${simd}`, simd, threads: 1 }));
    }
    return variants;
  },
  async wrongSum() {
    return firstWrongSum(backends) ?? null;
  },
  async wrongWideSum(unsigned) {
    const relaxed = backends.find(({ simd }) => simd === 'relaxed');
    return relaxed === undefined
      ? 'there is no relaxed SIMD'
      : (firstWrongWideSum(relaxed, { unsigned }) ?? null);
  },
  async disagreement() {
    const relaxed = backends.filter(({ simd }) => simd === 'relaxed');
    return (await firstDisagreement(backends, relaxed.map(forceWide))) ?? null;
  },
};

Object.assign(globalThis, { testPage });
