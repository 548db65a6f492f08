import type { ValueType } from '../graph/graph.js';
import { rejectInputs } from './operator.js';

/**
 * Type of a binary operator whose operands broadcast as in NumPy. An unknown size is taken to fit and stays
 * unknown unless the other operand's size decides it.
 */
export function broadcastType(operator: string, [a, b]: readonly ValueType[], layer: string): ValueType {
  const rank = Math.max(a.shape.length, b.shape.length);
  const shape: (number | null)[] = [];
  for (let i = 0; i < rank; i++) {
    const x = i < rank - a.shape.length ? 1 : a.shape[i - rank + a.shape.length];
    const y = i < rank - b.shape.length ? 1 : b.shape[i - rank + b.shape.length];
    if (x === 1) shape.push(y);
    else if (y === 1 || x === y) shape.push(x);
    else if (x === null) shape.push(y);
    else if (y === null) shape.push(x);
    else rejectInputs(operator, layer, `sizes ${x} and ${y} do not broadcast`);
  }
  return { dtype: a.dtype, shape };
}
