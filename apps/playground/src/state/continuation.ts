import { type Signal, signal } from '@preact/signals';
import type { BackendKind } from '../engine/backend-info.js';
import type { EngineConnection } from '../engine/connection.js';
import type { Problem } from '../engine/failure.js';
import type { Continuation } from '../engine/jobs/continue-prompt.js';
import type { ModelFiles } from '../engine/model-files.js';
import { engineOf } from './engines.js';
import { failureOf } from './problems-of.js';
import { prompt } from './prompt.js';

/** One model's continuation of the prompt. */
export interface ContinuationState {
  readonly prompt: string;
  readonly text: string;
  readonly outcome:
    | { readonly kind: 'running' }
    | { readonly kind: 'stopped' }
    | { readonly kind: 'done'; readonly continuation: Continuation }
    | { readonly kind: 'failed'; readonly problems: readonly Problem[] };
}

/** Which of the two models. */
export type ContinuedModel = 'float' | 'compressed';

/** Both continuations; null before there was one. */
export const continuations: Readonly<Record<ContinuedModel, Signal<ContinuationState | null>>> = {
  float: signal<ContinuationState | null>(null),
  compressed: signal<ContinuationState | null>(null),
};

/** Whether one of them is being written. */
export const continuing: Signal<boolean> = signal(false);
export const continuationBackend: Signal<BackendKind> = signal<BackendKind>('cpu');
export const maxTokens: Signal<number> = signal(48);
export const temperature: Signal<number> = signal(0);
export const seed: Signal<number> = signal(1);

let controller: AbortController | undefined;

async function continueWith(
  state: Signal<ContinuationState | null>,
  model: ModelFiles,
  engine: Promise<EngineConnection>,
  stopped: AbortSignal,
): Promise<void> {
  let current: ContinuationState = { prompt: prompt.value, text: '', outcome: { kind: 'running' } };
  const show = (change: Partial<ContinuationState>): void => {
    current = { ...current, ...change };
    state.value = current;
  };
  show({});
  try {
    const request = {
      model,
      prompt: current.prompt,
      maxTokens: maxTokens.value,
      temperature: temperature.value,
      seed: seed.value,
    };
    const continuation = await (await engine).call('continue', request, {
      signal: stopped,
      onEvent: (text) => show({ text: current.text + text }),
    });
    show({ outcome: { kind: 'done', continuation } });
  } catch (error) {
    const { kind, problems } = failureOf(error);
    show({ outcome: kind === 'aborted' ? { kind: 'stopped' } : { kind: 'failed', problems } });
  }
}

/** Lets models continue the prompt, all at the same time. */
export async function startContinuation(
  models: Readonly<Partial<Record<ContinuedModel, ModelFiles>>>,
): Promise<void> {
  if (continuing.value) return;
  continuing.value = true;
  controller = new AbortController();
  const { signal: stopped } = controller;
  const engine = engineOf(continuationBackend.value);
  const all = (['float', 'compressed'] as const).map(async (which) => {
    const model = models[which];
    if (model === undefined) continuations[which].value = null;
    else await continueWith(continuations[which], model, engine, stopped);
  });
  await Promise.all(all);
  continuing.value = false;
}

/** Stops both. */
export function stopContinuation(): void {
  controller?.abort();
}
