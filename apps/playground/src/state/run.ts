import { computed, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { RunStage } from '@tamp/recipe';
import type { BackendKind } from '../engine/backend-info.js';
import type { EngineCalls } from '../engine/calls.js';
import type { Failure } from '../engine/failure.js';
import type { RunReport } from '../engine/jobs/run-recipe.js';
import type { ModelFiles } from '../engine/model-files.js';
import { engineWith } from './engines.js';
import { failureOf } from './problems-of.js';
import { recipeText } from './recipe.js';
import { workspace } from './workspace.js';

/** How far a stage of a run is. */
export interface StageState {
  readonly stage: RunStage;
  readonly state: 'waiting' | 'running' | 'done';
  readonly done: number;
  readonly total: number;
  readonly detail?: string;
  /** When it started, by `performance.now()`. */
  readonly started: number;
  /** How long it took, or has taken so far. */
  readonly seconds: number;
}

/** Where the run stands. */
export type RunState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'running'; readonly stages: readonly StageState[]; readonly cancelling: boolean }
  | {
      readonly kind: 'done';
      readonly report: RunReport;
      readonly backend: BackendKind;
      readonly model: ModelFiles;
    }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'failed'; readonly failure: Failure; readonly backend: BackendKind };

/** The run. */
export const runState: Signal<RunState> = signal<RunState>({ kind: 'idle' });

/** What the next run computes with. */
export const runBackend: Signal<BackendKind> = signal<BackendKind>('cpu');

/** The compressed model of the last run, or null. */
export const compressedModel: ReadonlySignal<ModelFiles | null> = computed(() => {
  const state = runState.value;
  const archive = state.kind === 'done' ? state.report.archives[0] : undefined;
  if (archive === undefined) return null;
  return { kind: 'archive', name: archive.name, parts: archive.parts.map(({ blob }) => blob) };
});

let controller: AbortController | undefined;

type RunTold = EngineCalls['run']['event'];

function withEvent(one: StageState, event: Exclude<RunTold, { kind: 'stages' }>): StageState {
  const now = performance.now();
  const seconds = (now - one.started) / 1000;
  switch (event.kind) {
    case 'start':
      return { ...one, state: 'running', started: now };
    case 'progress': {
      const { done, total, detail } = event;
      return { ...one, done, total, seconds, ...(detail === undefined ? {} : { detail }) };
    }
    case 'end':
      return { ...one, state: 'done', seconds };
  }
}

function stagesAfter(stages: readonly StageState[], event: RunTold): readonly StageState[] {
  if (event.kind !== 'stages') {
    return stages.map((one) => (one.stage === event.stage ? withEvent(one, event) : one));
  }
  return event.stages.map((stage) => ({
    stage,
    state: 'waiting',
    done: 0,
    total: 0,
    started: 0,
    seconds: 0,
  }));
}

/** Runs the recipe on the open model. Does nothing while a run is going on. */
export async function startRun(): Promise<void> {
  const open = workspace.value;
  if (open === null || runState.value.kind === 'running') return;
  const backend = runBackend.value;
  controller = new AbortController();
  runState.value = { kind: 'running', stages: [], cancelling: false };
  try {
    const engine = await engineWith(backend, open);
    const report = await engine.call('run', recipeText.value, {
      signal: controller.signal,
      onEvent(event) {
        const state = runState.value;
        if (state.kind === 'running') runState.value = { ...state, stages: stagesAfter(state.stages, event) };
      },
    });
    runState.value = { kind: 'done', report, backend, model: open.model };
  } catch (error) {
    const failure = failureOf(error);
    runState.value =
      failure.kind === 'aborted' ? { kind: 'cancelled' } : { kind: 'failed', failure, backend };
  }
}

/** Asks the run to stop. */
export function cancelRun(): void {
  const state = runState.value;
  if (state.kind !== 'running') return;
  runState.value = { ...state, cancelling: true };
  controller?.abort();
}
