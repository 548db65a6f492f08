/** A product to be timed: x [m, k] times a weight [n, k]. */
export interface ProductCase {
  readonly kind: 'int8' | 'groupwise' | 'float32';
  readonly m: number;
  readonly k: number;
  readonly n: number;
  /** `groupwise`: weights per scale, 4 bits. */
  readonly groupSize?: number;
}

/** A language model's evaluation to be timed: so many windows of 256 tokens. */
export interface ModelCase {
  readonly kind: 'model';
  readonly windows: number;
}

export type BenchmarkCase = ProductCase | ModelCase;

/** One way to run a case: a peer with a number of threads and a variant of its own. */
export interface Contender {
  readonly peer:
    | 'tamp'
    | 'onnxruntime-web'
    | 'onnxruntime-node'
    | 'tfjs-wasm'
    | 'typescript'
    | 'tamp-webgpu'
    | 'tfjs-webgpu'
    | 'onnxruntime-webgpu';
  readonly threads: number;
  readonly variant: string;
}

/** A case, who runs it, and who the others are measured against. */
export interface Comparison {
  readonly title: string;
  readonly benchmark: BenchmarkCase;
  /** The first one is the yardstick: the others' times are given as multiples of its time. */
  readonly contenders: readonly Contender[];
}

const tamp = (variant: string, threads = 1): Contender => ({ peer: 'tamp', threads, variant });
const web = (variant: string): Contender => ({ peer: 'onnxruntime-web', threads: 1, variant });
const native = (variant: string): Contender => ({ peer: 'onnxruntime-node', threads: 1, variant });
const wasm = (variant: string): Contender => ({ peer: 'tfjs-wasm', threads: 1, variant });
const typescript = (variant: string): Contender => ({ peer: 'typescript', threads: 1, variant });

const int8Shapes = [
  [1, 768, 3072],
  [1, 4096, 4096],
  [8, 2048, 2048],
  [32, 768, 768],
  [128, 1024, 1024],
  [512, 768, 768],
] as const;

const groupwiseShapes = [
  [1, 4096, 4096, 32],
  [32, 2048, 2048, 32],
  [1, 4096, 4096, 128],
] as const;

/** Everything `pnpm bench` runs. */
export const comparisons: readonly Comparison[] = [
  ...int8Shapes.map(
    ([m, k, n]): Comparison => ({
      title: `int8 linear layer, ${m} × ${k} × ${n}`,
      benchmark: { kind: 'int8', m, k, n },
      contenders: [
        tamp('8-bit'),
        tamp('7-bit'),
        tamp('8-bit', 2),
        tamp('7-bit', 2),
        web('DynamicQuantizeMatMul'),
        web('MatMulInteger'),
        native('DynamicQuantizeMatMul'),
        native('MatMulInteger'),
        wasm('float32'),
        ...(m === 1 ? [typescript('int8')] : []),
      ],
    }),
  ),
  {
    title: 'int8 linear layer, 32 × 4096 × 4096',
    benchmark: { kind: 'int8', m: 32, k: 4096, n: 4096 },
    contenders: [tamp('8-bit'), tamp('8-bit', 2), tamp('7-bit'), tamp('7-bit', 2)],
  },
  ...groupwiseShapes.map(
    ([m, k, n, groupSize]): Comparison => ({
      title: `4-bit linear layer in groups of ${groupSize}, ${m} × ${k} × ${n}`,
      benchmark: { kind: 'groupwise', m, k, n, groupSize },
      contenders: [
        tamp('int8-block'),
        tamp('float'),
        tamp('int8-block', 2),
        tamp('float', 2),
        web('accuracy level 4'),
        web('accuracy level 0'),
        native('accuracy level 4'),
        native('accuracy level 0'),
      ],
    }),
  ),
  {
    title: 'float32 product, 512 × 512 × 512',
    benchmark: { kind: 'float32', m: 512, k: 512, n: 512 },
    contenders: [
      tamp('float32'),
      tamp('float32', 2),
      wasm('float32'),
      web('Gemm'),
      native('Gemm'),
      typescript('float32'),
    ],
  },
  {
    title: 'perplexity of tiny-llama, 2 windows of 256 tokens',
    benchmark: { kind: 'model', windows: 2 },
    contenders: [
      tamp('float32'),
      tamp('w4a16'),
      tamp('w8a8'),
      tamp('w4a16 from an archive'),
      tamp('w8a8 from an archive'),
      tamp('w4a16', 2),
      wasm('float32'),
    ],
  },
];
