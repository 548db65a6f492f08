import type { PlannedQuantization, PlannedTarget } from './modifier.js';

/**
 * How later modifiers will quantize each parameter, by its name, as a modifier's `plan` is told it. Of several the first
 * counts: it is the one that meets what the asking modifier leaves.
 */
export function declaredQuantization(
  later: readonly PlannedTarget[],
): ReadonlyMap<string, PlannedQuantization> {
  const declared = new Map<string, PlannedQuantization>();
  for (const { parameter, quantization } of later) {
    if (quantization !== undefined && !declared.has(parameter)) declared.set(parameter, quantization);
  }
  return declared;
}
