import type { Comparison, Contender } from './cases.js';

const tamp = (variant: string): Contender => ({ peer: 'tamp-webgpu', threads: 1, variant });
const tfjs = (variant: string): Contender => ({ peer: 'tfjs-webgpu', threads: 1, variant });
const onnx = (variant: string): Contender => ({ peer: 'onnxruntime-webgpu', threads: 1, variant });

const shapes = [
  [1, 4096, 4096],
  [1, 4096, 14336],
  [8, 4096, 4096],
  [32, 4096, 4096],
  [128, 4096, 4096],
  [1024, 2048, 2048],
] as const;

/** One of each kernel, small enough for a software adapter in a few minutes. */
const smallShapes = [
  [1, 1024, 1024],
  [1, 4096, 4096],
  [32, 1024, 1024],
  [128, 1024, 1024],
] as const;

function comparisons([m, k, n]: readonly [number, number, number]): Comparison[] {
  return [
    {
      title: `4-bit linear layer in groups of 32, ${m} × ${k} × ${n}`,
      benchmark: { kind: 'groupwise', m, k, n, groupSize: 32 },
      contenders: [
        tamp('W4A16'),
        tamp('W4A8'),
        tfjs('float32'),
        onnx('accuracy level 0'),
        onnx('accuracy level 4'),
        tamp('W4A16, queued'),
        tamp('W4A8, queued'),
        tfjs('float32, queued'),
      ],
    },
    {
      title: `int8 linear layer, ${m} × ${k} × ${n}`,
      benchmark: { kind: 'int8', m, k, n },
      contenders: [
        tamp('per token'),
        tamp('per tensor'),
        tfjs('float32'),
        tamp('per token, queued'),
        tfjs('float32, queued'),
      ],
    },
  ];
}

/** A whole language model, and what the processor of the same machine makes of it. */
const evaluation = (windows: number, variants: readonly string[]): Comparison => ({
  title: `perplexity of tiny-llama, ${windows === 1 ? 'a window' : `${windows} windows`} of 256 tokens`,
  benchmark: { kind: 'model', windows },
  contenders: [...variants.map(tamp), { peer: 'tamp', threads: 1, variant: 'w4a16' }],
});

/** Products above which 32 queued runs take a software adapter many seconds. */
const softwareLimit = 2 ** 22;

/** What `pnpm bench:webgpu` runs: layers of the sizes that language models have, or small ones, and a whole model. */
export function webGpuComparisons(size: 'full' | 'small', software: boolean): Comparison[] {
  const products = (size === 'small' ? smallShapes : shapes).flatMap((shape) => {
    const [m, k, n] = shape;
    const queued = !software || m * k * n < softwareLimit;
    return comparisons(shape).map((comparison) => ({
      ...comparison,
      contenders: comparison.contenders.filter(({ variant }) => queued || !variant.endsWith('queued')),
    }));
  });
  return [
    ...products,
    // A software adapter takes many seconds for a window.
    size === 'small' ? evaluation(1, ['w4a16']) : evaluation(8, ['w4a16', 'w8a8', 'float32']),
  ];
}
