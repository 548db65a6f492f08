import { type Signal, signal } from '@preact/signals';
import type { BackendInfo, BackendKind } from '../engine/backend-info.js';
import { EngineConnection } from '../engine/connection.js';
import type { Problem } from '../engine/failure.js';
import type { Probe, ProbeProgress, ProbeRequest } from '../engine/jobs/probe-model.js';
import type { ModelFiles } from '../engine/model-files.js';
import { engineOf, engineStates } from './engines.js';
import { failureOf } from './problems-of.js';
import { recipeFiles } from './workspace.js';

/** One backend's answers. */
export interface Answer {
  readonly info: BackendInfo;
  readonly probe: Probe;
}

/** Where the comparison stands. */
export type ComparisonState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'running'; readonly backend: BackendKind; readonly progress: ProbeProgress | null }
  | {
      readonly kind: 'done';
      readonly cpu: Answer;
      readonly webgpu: Answer;
      /** Largest difference of two logits of the prompt. */
      readonly logitDifference: number;
      readonly largestLogit: number;
      /** |difference| of the perplexities as a share of the CPU's. */
      readonly perplexityDifference: number;
    }
  | { readonly kind: 'failed'; readonly problems: readonly Problem[] };

/** The comparison of the two backends. */
export const comparison: Signal<ComparisonState> = signal<ComparisonState>({ kind: 'idle' });

/** Windows to measure on. */
export const comparedWindows: Signal<number> = signal(4);

const sequenceLength = 256;
const top = 5;

let controller: AbortController | undefined;

function compare(cpu: Answer, webgpu: Answer): ComparisonState {
  let logitDifference = 0;
  let largestLogit = 0;
  cpu.probe.logits.forEach((value, i) => {
    // NaN on one side must not pass for agreement.
    const difference = Math.abs(value - webgpu.probe.logits[i]);
    if (!(difference <= logitDifference)) logitDifference = difference;
    largestLogit = Math.max(largestLogit, Math.abs(value));
  });
  const [a, b] = [cpu.probe.perplexity, webgpu.probe.perplexity];
  return {
    kind: 'done',
    cpu,
    webgpu,
    logitDifference,
    largestLogit,
    perplexityDifference: Math.abs(a - b) / a,
  };
}

/** Asks the same of a model on the CPU and on WebGPU. */
export async function startComparison(model: ModelFiles, prompt: string): Promise<void> {
  const text = recipeFiles.value.get('eval.txt');
  if (comparison.value.kind === 'running' || text === undefined) return;
  controller = new AbortController();
  const { signal } = controller;
  const request: ProbeRequest = { model, text, windows: comparedWindows.value, sequenceLength, prompt, top };
  const ask = async (backend: BackendKind, engine: EngineConnection, info: BackendInfo): Promise<Answer> => {
    comparison.value = { kind: 'running', backend, progress: null };
    const probe = await engine.call('probe', request, {
      signal,
      onEvent: (progress) => {
        if (!signal.aborted) comparison.value = { kind: 'running', backend, progress };
      },
    });
    return { info, probe };
  };
  comparison.value = { kind: 'running', backend: 'cpu', progress: null };
  // Of its own, without fused multiply-adds: WebGPU's kernels have none either, and int8 layers turn a last bit into a
  // level.
  const exact = new EngineConnection(() => {});
  try {
    const cpu = await ask('cpu', exact, await exact.call('startCpu', { simd: 'baseline' }));
    const engine = await engineOf('webgpu');
    const state = engineStates.webgpu.value;
    if (state.kind !== 'on') throw new Error('WebGPU has stopped');
    comparison.value = compare(cpu, await ask('webgpu', engine, state.info));
  } catch (error) {
    const failure = failureOf(error);
    comparison.value =
      failure.kind === 'aborted' ? { kind: 'idle' } : { kind: 'failed', problems: failure.problems };
  } finally {
    exact.terminate();
  }
}

/** Stops the comparison. */
export function cancelComparison(): void {
  controller?.abort();
}
