import { caseData, expectedAt } from './case-data.js';
import type { BenchmarkCase, Contender } from './cases.js';
import type { Prepared } from './prepared.js';

/** What the parent asks of a child process. */
export type Request =
  | { readonly command: 'start'; readonly contender: Contender }
  | { readonly command: 'prepare'; readonly contender: Contender; readonly benchmark: BenchmarkCase }
  | { readonly command: 'run'; readonly milliseconds: number };

/** What a child answers. */
export type Reply =
  | { readonly ok: true; readonly note?: string; readonly error?: number; readonly perStep?: number }
  | { readonly ok: false; readonly problem: string };

/** Relative root-mean-square error above which a result is taken for wrong; 8-bit layers reach about 0.01. */
const LARGEST_ERROR = 0.08;

let prepared: Prepared | undefined;

async function start({ peer, threads }: Contender): Promise<string> {
  if (peer === 'tamp') return (await import('./contenders/tamp.js')).startTamp(threads);
  if (peer === 'tfjs-wasm') return (await import('./contenders/tfjs-wasm.js')).startTfjsWasm(threads);
  if (peer === 'tamp-webgpu' || peer === 'tfjs-webgpu') {
    return (await import('./contenders/webgpu.js')).startWebGpu();
  }
  return '';
}

async function makeReady({ peer, threads, variant }: Contender, benchmark: BenchmarkCase): Promise<Prepared> {
  if (benchmark.kind === 'model') {
    return (await import('./contenders/tiny-llama.js')).prepareTinyLlama(benchmark, variant);
  }
  const data = caseData(benchmark);
  if (peer === 'tamp') return (await import('./contenders/tamp.js')).prepareTamp(benchmark, variant, data);
  if (peer === 'tfjs-wasm')
    return (await import('./contenders/tfjs-wasm.js')).prepareTfjsWasm(benchmark, data);
  if (peer === 'typescript')
    return (await import('./contenders/typescript.js')).prepareTypescript(benchmark, data);
  if (peer === 'tamp-webgpu' || peer === 'tfjs-webgpu') {
    return (await import('./contenders/webgpu.js')).prepareWebGpu(peer, benchmark, variant, data);
  }
  const { loadOnnxRuntime, prepareOnnxRuntime } = await import('./contenders/onnxruntime.js');
  if (peer === 'onnxruntime-webgpu') {
    (await import('./contenders/webgpu.js')).chooseVulkanDriver();
    const runtime = loadOnnxRuntime('onnxruntime-node', threads);
    return prepareOnnxRuntime(runtime, 'webgpu', threads, benchmark, variant, data);
  }
  const provider = peer === 'onnxruntime-web' ? 'wasm' : 'cpu';
  return prepareOnnxRuntime(loadOnnxRuntime(peer, threads), provider, threads, benchmark, variant, data);
}

/** Relative root-mean-square error of a result, on a sample. A contender that computes nonsense has no time. */
function relativeError(benchmark: BenchmarkCase, result: Float32Array): number {
  if (benchmark.kind === 'model') return Number.isFinite(result[0]) ? 0 : Number.POSITIVE_INFINITY;
  const data = caseData(benchmark);
  const { m, n } = benchmark;
  let error = 0;
  let magnitude = 0;
  for (let i = 0; i < 200; i++) {
    const [row, column] = [(i * 7) % m, (i * 131) % n];
    const expected = expectedAt(data, benchmark, row, column);
    error += (expected - (result[row * n + column] ?? Number.NaN)) ** 2;
    magnitude += expected ** 2;
  }
  return Math.sqrt(error / magnitude);
}

/** Milliseconds of the fastest step within a span: on a machine with other work, the one that was not interrupted. */
async function time(step: Prepared['step'], milliseconds: number): Promise<number> {
  const begin = performance.now();
  let fastest = Number.POSITIVE_INFINITY;
  let now = begin;
  do {
    const before = now;
    const result = step();
    // Awaiting what is no promise would cost a synchronous contender a turn of the event loop.
    if (result instanceof Promise) await result;
    now = performance.now();
    fastest = Math.min(fastest, now - before);
  } while (now - begin < milliseconds);
  return fastest;
}

async function answer(request: Request): Promise<Reply> {
  if (request.command === 'start') return { ok: true, note: await start(request.contender) };
  if (request.command === 'prepare') {
    await prepared?.release();
    prepared = undefined;
    prepared = await makeReady(request.contender, request.benchmark);
    const error = relativeError(request.benchmark, await prepared.step());
    if (!(error < LARGEST_ERROR)) return { ok: false, problem: `the result is wrong by ${error}` };
    return { ok: true, error };
  }
  if (prepared === undefined) return { ok: false, problem: 'nothing is prepared' };
  return { ok: true, perStep: (await time(prepared.step, request.milliseconds)) / (prepared.runs ?? 1) };
}

process.on('message', (request: Request) => {
  answer(request).then(
    (reply) => process.send?.(reply),
    (error: unknown) =>
      process.send?.({ ok: false, problem: error instanceof Error ? error.message : String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
