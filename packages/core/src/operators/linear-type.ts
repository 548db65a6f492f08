import type { ValueType } from '../graph/graph.js';
import { rejectInputs } from './operator.js';

/** Type of x [..., columns] · weightᵀ [rows, columns] + bias [rows]: [..., rows]. */
export function linearType(
  operator: string,
  [x, weight, bias]: readonly ValueType[],
  layer: string,
): ValueType {
  if (weight.shape.length !== 2) {
    rejectInputs(operator, layer, `the weight must be a matrix, not of rank ${weight.shape.length}`);
  }
  const [rows, columns] = weight.shape;
  const width = x.shape.at(-1);
  if (x.shape.length < 2) rejectInputs(operator, layer, 'the input must have a batch dimension');
  if (width !== null && columns !== null && width !== columns) {
    rejectInputs(operator, layer, `the input is ${width} wide, the weight ${columns}`);
  }
  if (bias !== undefined && (bias.shape.length !== 1 || bias.shape[0] !== rows)) {
    rejectInputs(operator, layer, `the bias must have shape [${rows}], not [${bias.shape.join(', ')}]`);
  }
  return { dtype: 'float32', shape: [...x.shape.slice(0, -1), rows] };
}
