import { TampError } from '../errors/tamp-error.js';
import type { AttributeValue } from '../graph/graph.js';

/**
 * How an int8 layer quantizes its input.
 * - `token`: one symmetric scale per row, max|x|/127.5 with a floor of 2^-23; levels −128…127.
 * - `tensor`: one scale and zero point for the whole input, found during the call (FBGEMM's rule); levels 0…255, or
 *   0…127 with `reduceRange`.
 * - `static`: scale and zero point fixed by calibration; levels as for `tensor`.
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
  if (typeof scale !== 'number' || !(scale > 0) || !Number.isFinite(scale))
    return fail('needs a positive scale');
  if (typeof zeroPoint !== 'number' || !Number.isInteger(zeroPoint) || zeroPoint < 0 || zeroPoint > 255) {
    return fail('needs a zero point from 0 to 255');
  }
  return { kind: 'static', reduceRange, scale, zeroPoint };
}
