import { createRequire } from 'node:module';
import type { CaseData } from '../case-data.js';
import type { ProductCase } from '../cases.js';
import type { Prepared } from '../prepared.js';
import { onnxModel } from './onnx-models.js';

interface OnnxTensor {
  readonly data: Float32Array;
}

interface OnnxSession {
  run(feeds: Readonly<Record<string, OnnxTensor>>): Promise<Readonly<Record<string, OnnxTensor>>>;
  release(): Promise<void>;
}

/** The part of onnxruntime's common interface that is used. */
interface OnnxRuntime {
  readonly env: {
    readonly wasm: { numThreads?: number };
    readonly versions: Readonly<Record<string, string>>;
  };
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<OnnxSession> };
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => OnnxTensor;
}

const requirePeer = createRequire(new URL('../../peers/package.json', import.meta.url));

/** Loads onnxruntime-web (WebAssembly) or onnxruntime-node (native) for this process. */
export function loadOnnxRuntime(peer: 'onnxruntime-web' | 'onnxruntime-node', threads: number): OnnxRuntime {
  const runtime: OnnxRuntime = requirePeer(peer);
  if (peer === 'onnxruntime-web') runtime.env.wasm.numThreads = threads;
  return runtime;
}

/** Makes a layer ready as an ONNX model. */
export async function prepareOnnxRuntime(
  runtime: OnnxRuntime,
  executionProvider: 'wasm' | 'cpu' | 'webgpu',
  threads: number,
  benchmark: ProductCase,
  variant: string,
  data: CaseData,
): Promise<Prepared> {
  const session = await runtime.InferenceSession.create(onnxModel(benchmark, variant, data), {
    executionProviders: [executionProvider],
    graphOptimizationLevel: 'all',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
  });
  const x = new runtime.Tensor('float32', data.x, [benchmark.m, benchmark.k]);
  return {
    async step() {
      const { y } = await session.run({ x });
      if (y === undefined) throw new Error('The ONNX model gave no y.');
      return y.data;
    },
    release: () => session.release(),
  };
}
