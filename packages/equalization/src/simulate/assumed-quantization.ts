import {
  type AffineScheme,
  declaredQuantization,
  describeScheme,
  type PlannedQuantization,
  type PlannedTarget,
} from '@tamp/core';
import type { Quantization } from '../settings.js';

/** What search and report assume of the layer that reads a weight, by the weight's name. */
export type AssumedQuantization = (weight: string) => PlannedQuantization;

/** Where nobody says otherwise: int8 with a scale per output channel and per token. */
const usual: PlannedQuantization = {
  weights: { bits: 8, symmetric: true, granularity: { kind: 'channel' } },
  activation: 'token',
};

function schemeOf(weights: Quantization['weights']): AffineScheme {
  if (typeof weights === 'string') return { bits: 8, symmetric: true, granularity: { kind: weights } };
  const { bits, groupSize } = weights;
  return { bits, symmetric: true, granularity: { kind: 'group', groupSize } };
}

/** What the options say goes first, then what later modifiers will do to the layer, then int8. */
export function assumedQuantization(
  { activation, weights }: Partial<Quantization>,
  later: readonly PlannedTarget[],
): AssumedQuantization {
  const declared = declaredQuantization(later);
  return (weight) => {
    const known = declared.get(weight) ?? usual;
    return {
      weights: weights === undefined ? known.weights : schemeOf(weights),
      activation: activation ?? known.activation,
    };
  };
}

/** In a few characters: `W4 g64 sym`, `W8 channel sym A8 token`. */
export function describeQuantization({ weights, activation }: PlannedQuantization): string {
  return `${describeScheme(weights)}${activation === 'none' ? '' : ` A8 ${activation}`}`;
}
