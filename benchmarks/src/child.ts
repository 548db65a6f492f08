import { type CaseData, caseData, expectedAt } from './case-data.js';
import type { BenchmarkCase, Contender } from './cases.js';
import { LEAD_IN } from './lead-in.js';
import type { Prepared } from './prepared.js';

/** What the parent asks of a child process. */
export type Request =
  | { readonly command: 'start'; readonly contender: Contender }
  | { readonly command: 'prepare'; readonly contender: Contender; readonly benchmark: BenchmarkCase }
  | { readonly command: 'run'; readonly milliseconds: number };

/** What a child answers; `time` in milliseconds per run. */
export type Reply =
  | { readonly ok: true; readonly note?: string; readonly error?: number; readonly time?: number }
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

async function makeReady(
  { peer, threads, variant }: Contender,
  benchmark: BenchmarkCase,
  data: CaseData | undefined,
): Promise<Prepared> {
  if (benchmark.kind === 'model' || data === undefined) {
    if (benchmark.kind !== 'model') throw new Error('A product needs its data.');
    return (await import('./contenders/tiny-llama.js')).prepareTinyLlama(benchmark, variant);
  }
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
function relativeError(benchmark: BenchmarkCase, data: CaseData | undefined, result: Float32Array): number {
  if (benchmark.kind === 'model' || data === undefined)
    return Number.isFinite(result[0]) ? 0 : Number.POSITIVE_INFINITY;
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

/** Runs until a span is over, at least once, and gives their mean milliseconds. */
async function meanOfRuns({ step }: Prepared, milliseconds: number): Promise<number> {
  const begin = performance.now();
  let now = begin;
  let steps = 0;
  do {
    const result = step();
    // Awaiting what is no promise would cost a synchronous contender a turn of the event loop.
    if (result instanceof Promise) await result;
    now = performance.now();
    steps++;
  } while (now - begin < milliseconds);
  return (now - begin) / steps;
}

/** Slices that a run may last and still be run before its slice. */
const WARMING = 10;
/** Milliseconds of the latest run. */
let latest = 0;

/**
 * Mean milliseconds of the runs that fill a slice, after the untimed ones. (Runs so long that caches and threads hardly
 * matter are spared those.)
 */
async function time(ready: Prepared, milliseconds: number): Promise<number> {
  if (latest < milliseconds * WARMING) await meanOfRuns(ready, LEAD_IN);
  latest = await meanOfRuns(ready, milliseconds);
  return latest / (ready.runs ?? 1);
}

async function answer(request: Request): Promise<Reply> {
  if (request.command === 'start') return { ok: true, note: await start(request.contender) };
  if (request.command === 'prepare') {
    await prepared?.release();
    prepared = undefined;
    latest = 0;
    const { benchmark } = request;
    const data = benchmark.kind === 'model' ? undefined : caseData(benchmark);
    prepared = await makeReady(request.contender, benchmark, data);
    const error = relativeError(benchmark, data, await prepared.step());
    if (!(error < LARGEST_ERROR)) return { ok: false, problem: `the result is wrong by ${error}` };
    return { ok: true, error };
  }
  if (prepared === undefined) return { ok: false, problem: 'nothing is prepared' };
  return { ok: true, time: await time(prepared, request.milliseconds) };
}

process.on('message', (request: Request) => {
  answer(request).then(
    (reply) => process.send?.(reply),
    (error: unknown) =>
      process.send?.({ ok: false, problem: error instanceof Error ? error.message : String(error) }),
  );
});
process.on('disconnect', () => {
  Promise.resolve(prepared?.release()).finally(() => process.exit(0));
});
