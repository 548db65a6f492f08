import type { Attributes } from '../graph/graph.js';
import { rejectInputs } from './operator.js';

/** A numeric attribute; throws when it is missing or not finite. */
export function numberAttribute(
  attributes: Attributes,
  key: string,
  operator: string,
  layer: string = operator,
): number {
  const value = attributes[key];
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    rejectInputs(operator, layer, `attribute ${key} must be a number`);
  }
  return value;
}

/** A positive whole-number attribute. */
export function sizeAttribute(
  attributes: Attributes,
  key: string,
  operator: string,
  layer: string = operator,
): number {
  const value = numberAttribute(attributes, key, operator, layer);
  if (!Number.isSafeInteger(value) || value < 1) {
    rejectInputs(operator, layer, `attribute ${key} must be a positive whole number`);
  }
  return value;
}

/** A whole-number attribute of at least 0. */
export function countAttribute(
  attributes: Attributes,
  key: string,
  operator: string,
  layer: string = operator,
): number {
  const value = numberAttribute(attributes, key, operator, layer);
  if (!Number.isSafeInteger(value) || value < 0) {
    rejectInputs(operator, layer, `attribute ${key} must be a whole number of at least 0`);
  }
  return value;
}

/** An attribute that is a list of finite numbers. */
export function numbersAttribute(
  attributes: Attributes,
  key: string,
  operator: string,
  layer: string = operator,
): readonly number[] {
  const value = attributes[key];
  if (!Array.isArray(value)) rejectInputs(operator, layer, `attribute ${key} must be a list of numbers`);
  return value.map((item) => {
    if (typeof item !== 'number' || !Number.isFinite(item)) {
      rejectInputs(operator, layer, `attribute ${key} must be a list of numbers`);
    }
    return item;
  });
}
