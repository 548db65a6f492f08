import { TampError } from '../errors/tamp-error.js';
import { type Int8Activation, int8Activation } from '../kernels/int8-activation.js';
import { int8Linear as int8LinearKernel } from '../kernels/int8-linear.js';
import { linearType } from './linear-type.js';
import { asTensor, isTensor, type Operator } from './operator.js';

/**
 * A linear layer whose weight is int8 and whose input is quantized to int8 during the call; float in, float out.
 * Inputs as for `linear`; attribute `activation` says how the input's scale is found ({@link Int8Activation}).
 */
export const int8Linear: Operator = {
  name: 'int8_linear',
  arity: [2, 3],
  positionwise: true,
  quantizedInputs: { 1: 'int8' },
  mixesSamples: ({ activation }) => int8Activation(activation, 'int8_linear').kind === 'tensor',
  infer(inputs, attributes, layer) {
    int8Activation(attributes.activation, layer);
    return linearType('int8_linear', inputs, layer);
  },
  run([x, weight, bias], attributes) {
    if (isTensor(weight)) {
      throw new TampError('int8_linear needs a quantized weight', {
        code: 'format',
        remedy: 'Quantize the weight to 8 bits per channel or per tensor, or use the operator linear.',
      });
    }
    const activation: Int8Activation = int8Activation(attributes.activation, 'int8_linear');
    return int8LinearKernel(asTensor(x), weight, bias === undefined ? undefined : asTensor(bias), activation);
  },
};
