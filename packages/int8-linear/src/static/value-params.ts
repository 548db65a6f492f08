import { type LevelParams, type Observer, TampError } from '@tamp/core';
import type { ObserverFactory, StaticRange } from './static-options.js';

/** The scale and zero point that an observer has found. Throws when they do not suit levels 0…255. */
export function activationParams(observer: Observer, layer: string): LevelParams {
  const { scale, zeroPoint } = observer.params();
  const [zero] = zeroPoint;
  if (scale.length !== 1 || zero < 0 || zero > 255) {
    throw new TampError('the observer of its activations does not suit int8', {
      code: 'usage',
      at: { layer },
      remedy: 'Use a rule with levels 0…255 and one range for the whole tensor (no axis).',
    });
  }
  return { scale: scale[0], zeroPoint: zero };
}

/** An observer that has seen a range which is known already. */
export function observerOfRange(factory: ObserverFactory, layer: string, range: StaticRange): Observer {
  const observer = factory(layer);
  observer.observe(Float32Array.of(range.min, range.max), [2]);
  return observer;
}

/**
 * Scale and zero point of a value plus a constant, from those of the value (PyTorch's `quantized::add_scalar`): the
 * levels stay and the zero point moves by the constant in steps; only when it would leave 0…255 are the levels spread
 * anew, `requantize` being true then.
 */
export function shiftedParams(
  { scale, zeroPoint }: LevelParams,
  constant: number,
): { readonly params: LevelParams; readonly requantize: boolean } {
  const moved = zeroPoint - Math.round(constant / scale);
  if (moved >= 0 && moved <= 255) return { params: { scale, zeroPoint: moved }, requantize: false };
  const steps = moved < 0 ? 255 - moved : moved;
  return {
    params: { scale: Math.fround((steps / 255) * scale), zeroPoint: moved < 0 ? 0 : 255 },
    requantize: true,
  };
}
