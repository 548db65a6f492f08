import { dequantizeLevels } from '../kernels/requantize.js';
import { levelParams } from './level-attributes.js';
import { asTensor, type Operator, rejectInputs } from './operator.js';

/** Levels (int32) as float values. Attributes: `scale`, `zeroPoint`. */
export const dequantize: Operator = {
  name: 'dequantize',
  arity: [1, 1],
  positionwise: true,
  infer([x], attributes, layer) {
    levelParams(attributes, 'dequantize', layer);
    if (x.dtype !== 'int32') rejectInputs('dequantize', layer, 'the input must be levels (int32)');
    return { dtype: 'float32', shape: x.shape };
  },
  run: ([x], attributes) => dequantizeLevels(asTensor(x), levelParams(attributes, 'dequantize')),
};
