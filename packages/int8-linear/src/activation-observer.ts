import {
  histogramObserver,
  type Int8Activation,
  meanSquaredErrorObserver,
  minMaxObserver,
  movingAverageObserver,
  type Observer,
  type ObserverOptions,
} from '@tamp/core';
import type { ActivationObserverKind, ActivationSettings } from './settings.js';

const observers: Readonly<Record<ActivationObserverKind, (options: ObserverOptions) => Observer>> = {
  minmax: minMaxObserver,
  'moving-average': movingAverageObserver,
  histogram: histogramObserver,
  mse: meanSquaredErrorObserver,
};

/** An observer of a layer's input, for static activations. */
export function activationObserver({ observer, reduceRange }: ActivationSettings, layer: string): Observer {
  return observers[observer]({ rule: { rule: 'observer', qmin: 0, qmax: 255, reduceRange }, layer });
}

/** The scale and zero point that an observer has found, as a layer keeps them. Throws when it has seen nothing. */
export function staticActivation(
  observer: Observer,
  { reduceRange }: Pick<ActivationSettings, 'reduceRange'>,
): Int8Activation {
  const { scale, zeroPoint } = observer.params();
  return { kind: 'static', reduceRange, scale: scale[0], zeroPoint: zeroPoint[0] };
}

/** The activation of a layer that finds its scale during the call. */
export function dynamicActivation(kind: 'token' | 'tensor', reduceRange: boolean): Int8Activation {
  return kind === 'token' ? { kind } : { kind, reduceRange };
}

/** An activation in a few characters, for tables: `A8 token`, `A7 static`. */
export function describeActivation({
  kind,
  reduceRange,
}: Pick<ActivationSettings, 'kind' | 'reduceRange'>): string {
  return `A${reduceRange ? 7 : 8} ${kind}`;
}
