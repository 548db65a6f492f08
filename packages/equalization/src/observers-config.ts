import { type Graph, matchOperators, type OperatorNode, TampError } from '@tamp/core';
import {
  type EqualizationObserver,
  type InputEqualizationObserver,
  inputEqualizationObserver,
  weightEqualizationObserver,
} from './observe/equalization-observer.js';

/** Which observers find the ranges of a layer's input and weight. Factories: every layer gets its own. */
export interface LayerObservers {
  readonly input?: (layer: string) => InputEqualizationObserver;
  readonly weight?: (layer: string) => EqualizationObserver;
}

/** Observers for all layers, and others for some; a later one wins, and what it leaves out it inherits. */
export interface ObserversConfig extends LayerObservers {
  readonly overrides?: readonly (LayerObservers & { readonly targets: readonly string[] })[];
}

/** The observers of a layer. */
export type ObserversOf = (graph: Graph, node: OperatorNode) => Required<LayerObservers>;

function checkFactory(factory: unknown, option: string): void {
  if (factory === undefined || typeof factory === 'function') return;
  throw new TampError(`${option} must be a function that makes an observer, not an observer`, {
    code: 'usage',
    remedy: `Write ${option}: (layer) => …, so that every layer gets its own.`,
  });
}

/** Reads a configuration. Throws a `TampError` (`usage`) for an observer where a factory belongs. */
export function observersOf(config: ObserversConfig): ObserversOf {
  const { overrides = [] } = config;
  for (const { input, weight } of [config, ...overrides]) {
    checkFactory(input, 'input');
    checkFactory(weight, 'weight');
  }
  const base: Required<LayerObservers> = {
    input: config.input ?? ((layer) => inputEqualizationObserver({ layer })),
    weight: config.weight ?? ((layer) => weightEqualizationObserver({ layer })),
  };
  return (graph, node) =>
    overrides.reduce(
      (known, { targets, input = known.input, weight = known.weight }) =>
        matchOperators(graph, { targets }, () => true).includes(node) ? { input, weight } : known,
      base,
    );
}
