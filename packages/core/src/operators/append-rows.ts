import { appendRows as appendRowsKernel } from '../kernels/append-rows.js';
import { asTensor, type Operator, rejectInputs } from './operator.js';

/**
 * Keys or values of earlier positions with those of new ones behind them. Inputs: past [batch, length, width], length 0
 * at the beginning, and rows [batch, added, width]; output [batch, length + added, width].
 */
export const appendRows: Operator = {
  name: 'append_rows',
  arity: [2, 2],
  infer([past, rows], _attributes, layer) {
    const width = rows.shape.at(-1);
    if (past.shape.length !== 3 || rows.shape.length !== 3 || past.shape[2] !== width) {
      rejectInputs('append_rows', layer, 'both inputs must be [batch, length, width], of one width');
    }
    const [, length] = past.shape;
    const [batch, added] = rows.shape;
    return {
      dtype: 'float32',
      shape: [batch, length === null || added === null ? null : length + added, rows.shape[2]],
    };
  },
  run: ([past, rows]) => appendRowsKernel(asTensor(past), asTensor(rows)),
};
