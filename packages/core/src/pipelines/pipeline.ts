import { isTampError, TampError } from '../errors/tamp-error.js';
import type { Model } from '../model/model.js';
import type { LayerReport } from '../model/model-editor.js';
import type { Modifier } from '../modifiers/modifier.js';
import type { ParameterSink, ParameterStore } from '../parameters/parameter-store.js';

/** A modifier with the name it has in recipes, for reports and errors. */
export interface NamedModifier {
  readonly name: string;
  readonly modifier: Modifier;
}

/** Options that every pipeline has. */
export interface PipelineOptions {
  readonly signal?: AbortSignal;
  /** Where rewritten parameters live; the caller closes it when the result is no longer needed. Default: memory. */
  readonly store?: ParameterStore;
  /**
   * Takes each parameter that no later region or modifier works on, as soon as it is done: an export that is written
   * meanwhile. One that is rewritten all the same is put again. Default: `store`.
   */
  readonly finished?: ParameterSink;
  /** Called for each layer as soon as it is done. */
  readonly onLayer?: (entry: LayerReport) => void;
  /** Called for each calibration batch: how many are done, of how many, for which modifier. */
  readonly onBatch?: (done: number, total: number, modifier: string) => void;
}

/** The rewritten model and what was done to each layer. */
export interface PipelineResult {
  readonly model: Model;
  readonly layers: readonly LayerReport[];
}

/** Runs a hook of a modifier; its errors name the modifier. */
export async function callHook<T>(name: string, hook: () => T | Promise<T>): Promise<T> {
  try {
    return await hook();
  } catch (error) {
    if (isTampError(error))
      throw new TampError(error.problem, { ...error, at: { modifier: name, ...error.at } });
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    const what = error instanceof Error ? error.message : String(error);
    throw new TampError(`the modifier failed: ${what}`, {
      code: 'internal',
      at: { modifier: name },
      remedy: 'This is a defect of the modifier: report it to its author.',
      cause: error,
    });
  }
}
