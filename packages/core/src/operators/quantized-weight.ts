import { TampError } from '../errors/tamp-error.js';
import type { ValueType } from '../graph/graph.js';
import type { QuantizedOperand } from '../kernels/quantized-operand.js';
import { isTensor, type Operand, rejectInputs } from './operator.js';

/** The weight of a layer that works on levels; throws a `TampError` (`format`) for one that is not quantized. */
export function quantizedWeight(weight: Operand, operator: string): QuantizedOperand {
  if (!isTensor(weight)) return weight;
  throw new TampError(`${operator} needs a quantized weight`, {
    code: 'format',
    remedy: 'Quantize the weight to 8 bits per channel or per tensor.',
  });
}

/** Checks that the input is levels and that multiplier and offset have one entry per output channel. */
export function checkRequantized(
  operator: string,
  [x, weight, multiplier, offset]: readonly ValueType[],
  layer: string,
): void {
  if (x.dtype !== 'int32') rejectInputs(operator, layer, 'the input must be levels (int32)');
  for (const [name, { shape }] of [
    ['multiplier', multiplier],
    ['offset', offset],
  ] as const) {
    if (shape.length !== 1 || shape[0] !== weight.shape[0]) {
      rejectInputs(
        operator,
        layer,
        `the ${name} must have shape [${weight.shape[0]}], not [${shape.join(', ')}]`,
      );
    }
  }
}
