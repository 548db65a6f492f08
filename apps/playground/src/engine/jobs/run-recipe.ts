import {
  type MissedGate,
  prepareRecipe,
  type RunEvent,
  type RunResult,
  type RunStage,
  runRecipe as runPrepared,
  stagesOf,
} from '@tamp/recipe';
import * as tf from '@tensorflow/tfjs-core';
import type { CallContext } from '../call-context.js';
import type { PageHost } from '../host/page-host.js';
import type { FinishedArchive } from '../host/stage-archive.js';
import { startCpu } from '../start-backend.js';
import { recipeName } from './check-recipe.js';

/** What a run gave. */
export interface RunReport {
  readonly result: RunResult;
  readonly missedGates: readonly MissedGate[];
  /** Empty when a gate was missed. */
  readonly archives: readonly FinishedArchive[];
}

/** What a run tells: the stages that it will go through, then its events. */
export interface RunStart {
  readonly kind: 'stages';
  readonly stages: readonly RunStage[];
}

/** Runs a recipe on a host's model. After an error or an abort nothing is left of its archives. */
export async function runRecipe(
  text: string,
  host: PageHost,
  { signal, emit }: CallContext<RunStart | RunEvent>,
): Promise<RunReport> {
  const prepared = await prepareRecipe(text, recipeName, host);
  try {
    const { threads } = prepared.recipe.backend;
    if (threads !== undefined && tf.getBackend() !== 'webgpu') await startCpu({ threads });
    signal.throwIfAborted();
    await host.forgetArchives();
    emit({ kind: 'stages', stages: stagesOf(prepared) });
    const { result, missedGates } = await runPrepared(prepared, host, { signal, onEvent: emit });
    return { result, missedGates, archives: host.archives };
  } finally {
    await prepared.close();
  }
}
