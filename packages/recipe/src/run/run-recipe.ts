import type { Model, PipelineResult } from '@tamp/core';
import type { CheckpointStore } from '@tamp/sequential-pipeline';
import { measurePerplexity } from '../evaluation/perplexity.js';
import type { RecipeHost, StagedExport } from '../host.js';
import { modelBytes } from '../prepare/plan-recipe.js';
import type { PreparedRecipe } from '../prepare/prepare-recipe.js';
import type { Gates } from '../schema/recipe-schema.js';
import { modifyModel } from './modify-model.js';
import { runKey } from './run-key.js';
import type { RunEvent, RunStage } from './run-progress.js';
import type { MissedGate, Quality, RunOutcome } from './run-result.js';

/** Options of {@link runRecipe}. */
export interface RunOptions {
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: RunEvent) => void;
  /** Write what is exported even when a gate is missed. Default false. */
  readonly keepOnMissedGate?: boolean;
  /**
   * Go on from where an earlier run of the same recipe, model and data was stopped, if it calibrated part by part and
   * the host kept where it stood; else from the start. The result is that of an undisturbed run. Default false, which
   * forgets what was kept.
   */
  readonly resume?: boolean;
}

/** Where a run is kept, for those that can be taken up again. */
async function openCheckpoint(
  prepared: PreparedRecipe,
  host: RecipeHost,
  resume: boolean,
): Promise<CheckpointStore | undefined> {
  if (prepared.calibration === undefined || prepared.recipe.pipeline.kind === 'basic') return undefined;
  const checkpoint = host.openCheckpoint?.(await runKey(prepared));
  if (!resume) await checkpoint?.clear();
  return checkpoint;
}

function missedQuality(gates: Gates, before: Quality | null, after: Quality | null): readonly MissedGate[] {
  const limit = gates.perplexityIncrease;
  if (limit === undefined || before === null || after === null) return [];
  const actual = after.perplexity / before.perplexity - 1;
  return actual <= limit ? [] : [{ gate: 'perplexityIncrease', limit, actual }];
}

function missedSize(gates: Gates, to: string, staged: StagedExport): readonly MissedGate[] {
  const limit = gates.maxBytes;
  if (limit === undefined) return [];
  const actual = staged.artifacts.reduce((total, { bytes }) => total + bytes, 0);
  return actual <= limit ? [] : [{ gate: 'maxBytes', limit, actual, artifact: to }];
}

/**
 * Runs a prepared recipe: evaluates, lets the modifiers work in the recipe's order, evaluates again, exports. Exports
 * get their final names only when every gate is kept (or with `keepOnMissedGate`); after an error or an abort nothing
 * is left of them. Frees every tensor it makes. Does not close the recipe. Rejects with a `TampError`, or with the
 * signal's reason when aborted.
 */
export async function runRecipe(
  prepared: PreparedRecipe,
  host: RecipeHost,
  options: RunOptions = {},
): Promise<RunOutcome> {
  const { onEvent, keepOnMissedGate = false, resume = false } = options;
  const { recipe, model, modelName, evaluation } = prepared;
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  const started = performance.now();

  const stage = async <T>(
    name: RunStage,
    work: (progress: (done: number, total: number, detail?: string) => void) => Promise<T>,
  ): Promise<T> => {
    options.signal?.throwIfAborted();
    onEvent?.({ kind: 'start', stage: name });
    const result = await work((done, total, detail) =>
      onEvent?.({ kind: 'progress', stage: name, done, total, ...(detail === undefined ? {} : { detail }) }),
    );
    onEvent?.({ kind: 'end', stage: name });
    return result;
  };

  const evaluate = async (name: RunStage, of: Model): Promise<Quality | null> => {
    if (evaluation === undefined) return null;
    const file = recipe.data.evaluation?.text ?? 'text';
    return stage(name, async (onProgress) => {
      const { perplexity } = await measurePerplexity(of, evaluation, { ...signal, file, onProgress });
      return { perplexity };
    });
  };

  const modify = (): Promise<PipelineResult> =>
    stage('modify', (progress) =>
      modifyModel(prepared, host, {
        ...signal,
        progress,
        ...(checkpoint === undefined ? {} : { checkpoint }),
      }),
    );

  const checkpoint = await openCheckpoint(prepared, host, resume);
  try {
    const before = await evaluate('evaluate-before', model);
    const { model: modified, layers } = await modify();
    const after = await evaluate('evaluate-after', modified);

    const missedGates = [...missedQuality(recipe.gates, before, after)];
    const staged: StagedExport[] = [];
    let artifacts: StagedExport['artifacts'] = [];
    if (recipe.export.length > 0 && (missedGates.length === 0 || keepOnMissedGate)) {
      try {
        await stage('export', async (onProgress) => {
          for (const target of recipe.export) {
            const written = await host.stageExport(modified, target, { ...signal, onProgress });
            staged.push(written);
            missedGates.push(...missedSize(recipe.gates, target.to, written));
          }
        });
        options.signal?.throwIfAborted();
        if (missedGates.length === 0 || keepOnMissedGate) {
          for (const written of staged) await written.commit();
          artifacts = staged.flatMap((written) => written.artifacts);
        } else {
          for (const written of staged) await written.discard();
        }
      } catch (error) {
        for (const written of staged) await written.discard();
        throw error;
      }
    }

    await checkpoint?.clear();
    return {
      result: {
        model: modelName,
        evaluation: { before, after },
        sizes: { before: modelBytes(model), after: modelBytes(modified) },
        artifacts,
        layers,
        seconds: (performance.now() - started) / 1000,
        peakMemoryBytes: host.peakMemoryBytes(),
      },
      missedGates,
    };
  } finally {
    await checkpoint?.close();
  }
}
