import { TampError } from '../errors/tamp-error.js';
import type { ObservedRange } from './observer.js';

/**
 * Minimum and maximum of a tensor (row-major), or of each slice along `axis`; a negative axis counts from the end.
 * Throws a `TampError` (`usage`) for an axis that the shape lacks, (`data`) for an empty tensor.
 */
export function extentOf(
  values: Float32Array,
  shape: readonly number[],
  axis: number | undefined,
  layer?: string,
): ObservedRange {
  const at = layer === undefined ? {} : { layer };
  if (values.length === 0) throw new TampError('an empty tensor has no range', { code: 'data', at });
  const dimension = axis === undefined ? undefined : axis < 0 ? axis + shape.length : axis;
  if (dimension !== undefined && (!Number.isInteger(dimension) || shape[dimension] === undefined)) {
    throw new TampError(`the shape [${shape.join(', ')}] has no axis ${axis}`, { code: 'usage', at });
  }
  const channels = dimension === undefined ? 1 : shape[dimension];
  const inner =
    dimension === undefined
      ? values.length
      : shape.slice(dimension + 1).reduce((product, size) => product * size, 1);
  const min = new Float32Array(channels).fill(Infinity);
  const max = new Float32Array(channels).fill(-Infinity);
  for (let start = 0, channel = 0; start < values.length; start += inner) {
    let low = min[channel];
    let high = max[channel];
    for (let i = start; i < start + inner; i++) {
      const value = values[i];
      if (value < low) low = value;
      if (value > high) high = value;
    }
    min[channel] = low;
    max[channel] = high;
    channel = channel + 1 === channels ? 0 : channel + 1;
  }
  return { min, max };
}
