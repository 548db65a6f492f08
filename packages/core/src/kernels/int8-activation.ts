import { TampError } from '../errors/tamp-error.js';
import type { AttributeValue } from '../graph/graph.js';

/**
 * How an int8 layer quantizes its input.
 * - `token`: one symmetric scale per row, max|x|/127.5 with a floor of 2^-23; levels −128…127.
 * - `tensor`: one scale and zero point for the whole input, found during the call (FBGEMM's rule); levels 0…255, or
 *   0…127 with `reduceRange`.
 * - `static`: scale and zero point fixed by calibration; levels as for `tensor`. The scale counts as a float32.
 *
 * Values that are not finite: with `token` the results of their row are NaN. With `tensor` the call is refused
 * (`data`), or, on a GPU, which cannot tell in time, all results are NaN. With `static` infinities saturate and NaN has the
 * smallest level.
 */
export type Int8Activation =
  | { readonly kind: 'token' }
  | { readonly kind: 'tensor'; readonly reduceRange: boolean }
  | {
      readonly kind: 'static';
      readonly reduceRange: boolean;
      readonly scale: number;
      readonly zeroPoint: number;
    };

/** Whether a scale can be multiplied with and divided by: neither it nor its float32 reciprocal is 0 or infinite. */
function hasReciprocal(scale: number): boolean {
  const reciprocal = Math.fround(1 / scale);
  return scale > 0 && Number.isFinite(scale) && reciprocal > 0 && Number.isFinite(reciprocal);
}

/** Reads an operator's `activation` attribute. Throws a `TampError` (`format`) that names the layer. */
export function int8Activation(value: AttributeValue | undefined, layer: string): Int8Activation {
  const fail = (problem: string): never => {
    throw new TampError(`attribute activation ${problem}`, { code: 'format', at: { layer } });
  };
  if (typeof value !== 'object' || value === null || !('kind' in value))
    return fail('must be an object with a kind');
  if (value.kind === 'token') return { kind: 'token' };
  const reduceRange = value.reduceRange === true;
  if (value.kind === 'tensor') return { kind: 'tensor', reduceRange };
  if (value.kind !== 'static') return fail(`has an unknown kind ${String(value.kind)}`);
  const { scale, zeroPoint } = value;
  if (typeof scale !== 'number' || !hasReciprocal(Math.fround(scale))) {
    return fail('needs a positive scale whose float32 and its reciprocal are finite');
  }
  const largest = reduceRange ? 127 : 255;
  if (typeof zeroPoint !== 'number' || !Number.isInteger(zeroPoint) || zeroPoint < 0 || zeroPoint > largest) {
    return fail(`needs a zero point from 0 to ${largest}`);
  }
  return { kind: 'static', reduceRange, scale: Math.fround(scale), zeroPoint };
}
