import * as tf from '@tensorflow/tfjs-core';
import { gatherRows } from '../kernels/gather-rows.js';
import { asTensor, isTensor, type Operator, rejectInputs } from './operator.js';

/** Rows of a table [rows, columns] by index: ids int32 [...] → [..., columns]. Inputs: ids, table. */
export const embedding: Operator = {
  name: 'embedding',
  arity: [2, 2],
  positionwise: true,
  quantizedInputs: { 1: 'rows' },
  infer([ids, table], _attributes, layer) {
    if (ids.dtype !== 'int32') rejectInputs('embedding', layer, 'the ids must be int32');
    if (table.shape.length !== 2) rejectInputs('embedding', layer, 'the table must be a matrix');
    return { dtype: 'float32', shape: [...ids.shape, table.shape[1]] };
  },
  run([idsOperand, table]) {
    const ids = asTensor(idsOperand);
    return isTensor(table) ? tf.gather(table, tf.cast(ids, 'int32')) : gatherRows(ids, table);
  },
};
