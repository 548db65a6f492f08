import { TampError } from '../errors/tamp-error.js';
import type { Graph } from '../graph/graph.js';
import { lintGraph } from '../graph/lint.js';
import type { Parameter } from '../parameters/parameter.js';
import type { ParameterSink } from '../parameters/parameter-store.js';
import type { Model } from './model.js';

/** What a modifier did to one layer, for the report. */
export interface LayerReport {
  /** Full name of the layer. */
  readonly layer: string;
  /** Name of the parameter that changed. */
  readonly parameter: string;
  /** Name of the modifier. */
  readonly modifier: string;
  /** What was done, in a few characters: `W4 g64 sym`. */
  readonly scheme: string;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** ‖w − ŵ‖ / ‖w‖ of the weight, 0 for an exact one; absent where it means nothing. */
  readonly relativeError?: number;
  /** Further figures of the modifier's own, by name, for the report. */
  readonly figures?: Readonly<Record<string, number>>;
  /** What a person should know about this layer's result, in a sentence. */
  readonly note?: string;
}

/** Through which a modifier rewrites a model. Each change is checked when it is made. */
export interface ModelEditor {
  /** The model as rewritten so far. */
  readonly model: Model;
  /** Aborted when the user cancels; check it between layers. */
  readonly signal: AbortSignal;
  /** Adds a parameter or replaces the one of its name; a replacement keeps the shape. */
  setParameter(parameter: Parameter): void;
  /** Takes out a parameter that the graph no longer uses. */
  removeParameter(name: string): void;
  /** Replaces the graph. Throws a `TampError` when it is malformed. */
  setGraph(graph: Graph): void;
  /**
   * Moves parameters that were set since the last call out of memory, where the pipeline has a place for them. Pipelines
   * call it after each region; a modifier calls it between the layers of a large one, and a run that was stopped may go
   * on from there: what it has reported is then done, of the rest nothing is begun, and the region it is given again
   * lacks the operators that read the parameters it reported.
   */
  settle(): Promise<void>;
  /** Adds a line to the report; progress is told from these lines. */
  report(entry: LayerReport): void;
}

/** Options of {@link createModelEditor}. */
export interface ModelEditorOptions {
  readonly signal?: AbortSignal;
  readonly onReport?: (entry: LayerReport) => void;
  /** Called after each `settle`. */
  readonly onSettle?: () => Promise<void>;
  /** Where parameters go that are settled now; absent or undefined: they wait in memory for the next call. */
  readonly settleIn?: () => ParameterSink | undefined;
}

/** An editor that starts from `model` and never changes it; `editor.model` is always a consistent snapshot. */
export function createModelEditor(model: Model, options: ModelEditorOptions = {}): ModelEditor {
  const signal = options.signal ?? new AbortController().signal;
  let graph = model.graph;
  const parameters = new Map(model.parameters);
  const unsettled = new Set<string>();
  const uses = (name: string): boolean =>
    graph.nodes.some((node) => node.kind === 'parameter' && node.parameter === name);
  return {
    get model() {
      return { ...model, graph, parameters };
    },
    signal,
    setParameter(parameter) {
      const known = parameters.get(parameter.name);
      if (known !== undefined && known.shape.join() !== parameter.shape.join()) {
        throw new TampError(
          `a rewrite changes the shape of ${parameter.name} from [${known.shape.join(', ')}] to [${parameter.shape.join(', ')}]`,
          { code: 'internal', at: { layer: parameter.name } },
        );
      }
      parameters.set(parameter.name, parameter);
      unsettled.add(parameter.name);
    },
    async settle() {
      const sink = options.settleIn?.();
      for (const name of sink === undefined ? [] : unsettled) {
        unsettled.delete(name);
        const parameter = parameters.get(name);
        const moved = parameter === undefined ? undefined : await sink?.put(parameter);
        // Not over a parameter that was set while this one was written.
        if (moved !== undefined && parameters.get(name) === parameter) parameters.set(name, moved);
      }
      await options.onSettle?.();
    },
    removeParameter(name) {
      if (uses(name))
        throw new TampError(`${name} is still in use`, { code: 'internal', at: { layer: name } });
      parameters.delete(name);
    },
    setGraph(next) {
      lintGraph(next);
      for (const node of next.nodes) {
        if (node.kind === 'parameter' && !parameters.has(node.parameter)) {
          throw new TampError(`the graph uses a parameter ${node.parameter} that the model lacks`, {
            code: 'internal',
            at: { layer: node.name },
          });
        }
      }
      graph = next;
    },
    report(entry) {
      options.onReport?.(entry);
    },
  };
}
