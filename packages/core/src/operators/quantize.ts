import { quantizeLevels } from '../kernels/requantize.js';
import { levelParams } from './level-attributes.js';
import { asTensor, type Operator, rejectInputs } from './operator.js';

/**
 * Float values as levels 0…255 (int32), with a scale and zero point fixed by calibration. Attributes: `scale`,
 * `zeroPoint`.
 */
export const quantize: Operator = {
  name: 'quantize',
  arity: [1, 1],
  positionwise: true,
  infer([x], attributes, layer) {
    levelParams(attributes, 'quantize', layer);
    if (x.dtype !== 'float32') rejectInputs('quantize', layer, 'the input must be float32');
    return { dtype: 'int32', shape: x.shape };
  },
  run: ([x], attributes) => quantizeLevels(asTensor(x), levelParams(attributes, 'quantize')),
};
