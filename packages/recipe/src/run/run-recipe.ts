import {
  type CheckpointStore,
  isTampError,
  type Model,
  type ParameterStore,
  type PipelineResult,
} from '@tamp/core';
import { measurePerplexity } from '../evaluation/perplexity.js';
import type { GrowingExport, RecipeHost, StagedExport } from '../host.js';
import { largeModelBytes } from '../prepare/plan-phases.js';
import { bytesAfter, modelBytes } from '../prepare/plan-recipe.js';
import type { PreparedRecipe } from '../prepare/prepare-recipe.js';
import type { Gates } from '../schema/recipe-schema.js';
import { alwaysFromStart } from './always-from-start.js';
import { modifyModel } from './modify-model.js';
import { runKey } from './run-key.js';
import { measuresQuality, modifiesAfterTraining, type RunEvent, type RunStage } from './run-progress.js';
import type { MissedGate, Quality, RunOutcome } from './run-result.js';
import { type TrainedModel, trainModel } from './train-model.js';

/** Options of {@link runRecipe}. */
export interface RunOptions {
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: RunEvent) => void;
  /** Receives warnings, in sentences for people. Default: the console. */
  readonly onWarning?: (message: string) => void;
  /** Write what is exported even when a gate is missed. Default false. */
  readonly keepOnMissedGate?: boolean;
  /**
   * Go on from where an earlier run of the same modifiers, model and data was stopped, if it worked part by part and
   * the host kept where it stood; else from the start. The result is that of an undisturbed run. Default false, which
   * forgets what was kept.
   */
  readonly resume?: boolean;
}

/** Where a run is kept, for those that can be taken up again; says when one that should be starts over. */
async function openCheckpoint(
  prepared: PreparedRecipe,
  host: RecipeHost,
  resume: boolean,
  onWarning: (message: string) => void,
): Promise<CheckpointStore | undefined> {
  const reason = alwaysFromStart(prepared);
  const startsOver = (why: string): void => {
    if (resume) onWarning(`The run starts from the beginning: ${why}.`);
  };
  if (reason !== undefined) {
    startsOver(reason);
    return undefined;
  }
  if (host.openCheckpoint === undefined) return undefined;
  const key = await runKey(prepared);
  let checkpoint: CheckpointStore;
  try {
    checkpoint = await host.openCheckpoint(key);
  } catch (error) {
    if (!isTampError(error) || error.code !== 'io') throw error;
    if (resume) startsOver(error.problem);
    else onWarning(`The run cannot be resumed when it is stopped: ${error.problem}.`);
    return undefined;
  }
  let isKept = false;
  if (!resume) {
    try {
      await checkpoint.clear();
    } catch (error) {
      await checkpoint.close();
      throw error;
    }
  }
  return {
    ...checkpoint,
    async save(state) {
      await checkpoint.save(state);
      isKept = true;
    },
    async clear() {
      await checkpoint.clear();
      isKept = false;
    },
    async close() {
      await checkpoint.close();
      // A run that comes to its end clears what it has kept.
      if (isKept)
        onWarning('The parts that were finished are kept: run again with --resume to go on from there.');
    },
    async load() {
      const saved = await checkpoint.load();
      isKept = saved !== undefined;
      if (saved === undefined) {
        startsOver('nothing was kept of an earlier one with the same modifiers, model and data');
      }
      return saved;
    },
  };
}

function missedQuality(gates: Gates, before: Quality | null, after: Quality | null): readonly MissedGate[] {
  const missed: MissedGate[] = [];
  const check = (gate: 'perplexityIncrease' | 'accuracyDrop', actual: number): void => {
    const limit = gates[gate];
    if (limit !== undefined && actual > limit) missed.push({ gate, limit, actual });
  };
  if (before?.perplexity !== undefined && after?.perplexity !== undefined) {
    check('perplexityIncrease', after.perplexity / before.perplexity - 1);
  }
  if (before?.accuracy !== undefined && after?.accuracy !== undefined) {
    check('accuracyDrop', before.accuracy - after.accuracy);
  }
  return missed;
}

function missedSize(gates: Gates, to: string, staged: StagedExport): readonly MissedGate[] {
  const limit = gates.maxBytes;
  if (limit === undefined) return [];
  const actual = staged.artifacts.reduce((total, { bytes }) => total + bytes, 0);
  return actual <= limit ? [] : [{ gate: 'maxBytes', limit, actual, artifact: to }];
}

/**
 * Runs a prepared recipe: evaluates, trains, lets the modifiers work in the recipe's order, evaluates again, exports. Exports
 * get their final names only when every gate is kept (or with `keepOnMissedGate`); after an error or an abort nothing
 * is left of them. Frees every tensor it makes. Does not close the recipe. Rejects with a `TampError`, or with the
 * signal's reason when aborted.
 */
export async function runRecipe(
  prepared: PreparedRecipe,
  host: RecipeHost,
  options: RunOptions = {},
): Promise<RunOutcome> {
  const { onEvent, resume = false, keepOnMissedGate = false } = options;
  const { onWarning = (message: string) => console.warn(message) } = options;
  const { recipe, model, modelName, evaluation, validationData, trainingData } = prepared;
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  const started = performance.now();
  for (const warning of prepared.warnings) onWarning(warning);

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
    if (!measuresQuality(prepared)) return null;
    return stage(name, async (onProgress) => {
      const file = recipe.data.evaluation?.text ?? 'text';
      const batch = prepared.evaluationBatch === undefined ? {} : { batch: prepared.evaluationBatch };
      const options = { ...signal, ...batch, file, onProgress };
      const text =
        evaluation === undefined
          ? {}
          : { perplexity: (await measurePerplexity(of, evaluation, options)).perplexity };
      if (validationData === undefined) return text;
      const { evaluateLabelled } = await import('@tamp/training-pipeline');
      const loss = recipe.training === undefined ? {} : { loss: recipe.training.loss };
      return { ...text, ...(await evaluateLabelled(of, validationData, { ...signal, ...loss, onProgress })) };
    });
  };

  const train = async (): Promise<TrainedModel | null> => {
    const { training } = recipe;
    if (training === undefined || trainingData === undefined) return null;
    return stage('train', (onProgress) =>
      trainModel(prepared, training, trainingData, host, { ...signal, onProgress }),
    );
  };

  const modify = async (of: Model): Promise<PipelineResult> => {
    if (!modifiesAfterTraining(prepared)) return { model: of, layers: [] };
    return stage('modify', (progress) =>
      modifyModel(prepared, of, host, {
        ...signal,
        progress,
        onWarning,
        ...(checkpoint === undefined ? {} : { checkpoint }),
        ...(store === undefined ? {} : { store }),
        ...(growing === undefined ? {} : { finished: growing }),
      }),
    );
  };

  const checkpoint = await openCheckpoint(prepared, host, resume, onWarning);
  let store: ParameterStore | undefined;
  let growing: GrowingExport | undefined;
  try {
    if (modelBytes(model) >= largeModelBytes && modifiesAfterTraining(prepared)) {
      const [first] = recipe.export;
      if (first !== undefined) growing = await host.beginExport?.(first, bytesAfter(prepared));
      // Between two modifiers; after the last one parameters go to the export at once.
      if (growing === undefined || recipe.modifiers.length > 1) store = await host.openParameterStore?.();
    }
    const before = await evaluate('evaluate-before', model);
    const trained = await train();
    const { model: modified, layers } = await modify(trained?.model ?? model);
    const after = await evaluate('evaluate-after', modified);

    const missedGates = [...missedQuality(recipe.gates, before, after)];
    const staged = new Map<number, StagedExport>();
    let artifacts: StagedExport['artifacts'] = [];
    if (recipe.export.length > 0 && (missedGates.length === 0 || keepOnMissedGate)) {
      const inOrder = (): readonly StagedExport[] =>
        recipe.export.flatMap((_, index) => staged.get(index) ?? []);
      try {
        await stage('export', async (onProgress) => {
          // The first one comes last: the others read from it what is in it already.
          for (const [index, target] of [...recipe.export.entries()].reverse()) {
            const options = { ...signal, onProgress };
            if (index > 0 || growing === undefined) {
              staged.set(index, await host.stageExport(modified, target, options));
              continue;
            }
            const grown = growing;
            growing = undefined;
            staged.set(index, await grown.stage(modified, options));
          }
          for (const [index, { to }] of recipe.export.entries()) {
            const written = staged.get(index);
            if (written !== undefined) missedGates.push(...missedSize(recipe.gates, to, written));
          }
        });
        options.signal?.throwIfAborted();
        if (missedGates.length === 0 || keepOnMissedGate) {
          for (const written of inOrder()) await written.commit();
          artifacts = inOrder().flatMap((written) => written.artifacts);
        } else {
          for (const written of inOrder()) await written.discard();
        }
      } catch (error) {
        for (const written of inOrder()) await written.discard();
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
        ...(trained === null ? {} : { training: trained.history }),
        layers: [...(trained?.layers ?? []), ...layers],
        seconds: (performance.now() - started) / 1000,
        peakMemoryBytes: host.peakMemoryBytes(),
      },
      missedGates,
    };
  } finally {
    await growing?.discard();
    await store?.close();
    await checkpoint?.close();
  }
}
