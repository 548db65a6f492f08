import type { Attributes } from '../graph/graph.js';
import type { LevelParams, Requantization } from '../kernels/requantize.js';
import { countAttribute, numberAttribute } from './attributes.js';
import { rejectInputs } from './operator.js';

/** A zero point attribute, 0 to 255. */
export function zeroPointAttribute(
  attributes: Attributes,
  key: string,
  operator: string,
  layer: string = operator,
): number {
  const value = countAttribute(attributes, key, operator, layer);
  if (value > 255) rejectInputs(operator, layer, `attribute ${key} must be from 0 to 255`);
  return value;
}

/** The scale and zero point of levels; the keys of a second operand have a prefix. */
export function levelParams(
  attributes: Attributes,
  operator: string,
  layer: string = operator,
  keys: { readonly scale: string; readonly zeroPoint: string } = { scale: 'scale', zeroPoint: 'zeroPoint' },
): LevelParams {
  const scale = numberAttribute(attributes, keys.scale, operator, layer);
  if (!(scale > 0)) rejectInputs(operator, layer, `attribute ${keys.scale} must be positive`);
  return { scale, zeroPoint: zeroPointAttribute(attributes, keys.zeroPoint, operator, layer) };
}

/** How the output is requantized: `zeroPoint`, and `relu: true` when a ReLU is fused. */
export function requantization(
  attributes: Attributes,
  operator: string,
  layer: string = operator,
): Requantization {
  const zeroPoint = zeroPointAttribute(attributes, 'zeroPoint', operator, layer);
  return { zeroPoint, lowest: attributes.relu === true ? zeroPoint : 0 };
}
