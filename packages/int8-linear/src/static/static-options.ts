import {
  type Graph,
  matchOperators,
  minMaxObserver,
  type Observer,
  type OperatorNode,
  TampError,
} from '@tamp/core';

/** Makes a fresh observer for a layer (or another value, by its name). Never the same one twice. */
export type ObserverFactory = (layer: string) => Observer;

/** What finds the ranges of one layer. */
export interface StaticLayerConfig {
  /** Observers of the layer's input and output; their rule has levels 0…255. Default: min-max, PyTorch's observer rule. */
  readonly activation?: ObserverFactory;
  /**
   * Observers of the weight [output channels, …]; their rule has levels −128…127. With `axis: 0` each output channel has a
   * scale of its own. Default: that, min-max, symmetric.
   */
  readonly weight?: ObserverFactory;
}

/** A range of values, for a value whose range is known already. */
export interface StaticRange {
  readonly min: number;
  readonly max: number;
}

/** Options of `quantizeStatically`. */
export interface StaticInt8Options extends StaticLayerConfig {
  /** Layers to make int8: `linear`, `conv2d`, module types, names, globs or `re:`. Default: all linear and conv2d layers. */
  readonly targets?: readonly string[];
  /** Layers to leave alone, by the same patterns. Default none. */
  readonly ignore?: readonly string[];
  /** Other observers for some of the layers; a later one wins, and what it leaves out it inherits. */
  readonly overrides?: readonly (StaticLayerConfig & { readonly targets: readonly string[] })[];
  /** Ranges to use in place of observed ones, by the name of the node that has the values. */
  readonly ranges?: ReadonlyMap<string, StaticRange>;
}

/** What the pass over a graph goes by. */
export interface StaticSettings {
  readonly targets: readonly string[] | undefined;
  readonly ignore: readonly string[];
  readonly ranges: ReadonlyMap<string, StaticRange>;
  /** The observers of each layer. */
  configOf(graph: Graph, node: OperatorNode): Required<StaticLayerConfig>;
}

/** Levels of an int8 weight. */
export const weightLevels = { min: -128, max: 127 } as const;

const defaultConfig: Required<StaticLayerConfig> = {
  activation: (layer) => minMaxObserver({ rule: { rule: 'observer', qmin: 0, qmax: 255 }, layer }),
  weight: (layer) =>
    minMaxObserver({ rule: { rule: 'observer', qmin: -128, qmax: 127, symmetric: true }, axis: 0, layer }),
};

/** Whether an operator becomes an int8 layer. */
export function isLayer({ operator }: OperatorNode): boolean {
  return operator === 'linear' || operator === 'conv2d';
}

/** A layer is named by its scope, or by itself where it has none. */
export function layerName({ scope, name }: Pick<OperatorNode, 'scope' | 'name'>): string {
  return scope === '' ? name : scope;
}

function checkFactory(factory: unknown, option: string): void {
  if (factory === undefined || typeof factory === 'function') return;
  throw new TampError(`${option} must be a function that makes an observer, not an observer`, {
    code: 'usage',
    remedy: `Write ${option}: (layer) => minMaxObserver({ … }), so that every layer gets its own.`,
  });
}

function merge(base: Required<StaticLayerConfig>, config: StaticLayerConfig): Required<StaticLayerConfig> {
  return { activation: config.activation ?? base.activation, weight: config.weight ?? base.weight };
}

/** The options with defaults. Throws a `TampError` (`usage`) for an observer where a factory belongs. */
export function staticSettings(options: StaticInt8Options): StaticSettings {
  const { overrides = [], targets, ignore = [], ranges = new Map() } = options;
  for (const config of [options, ...overrides]) {
    checkFactory(config.activation, 'activation');
    checkFactory(config.weight, 'weight');
  }
  const base = merge(defaultConfig, options);
  return {
    targets,
    ignore,
    ranges,
    configOf: (graph, node) =>
      overrides.reduce(
        (config, override) =>
          matchOperators(graph, override, () => true).includes(node) ? merge(config, override) : config,
        base,
      ),
  };
}
