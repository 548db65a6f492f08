import * as tf from '@tensorflow/tfjs-core';
import { sizeAttribute } from './attributes.js';
import { integersAsFloats } from './integers-as-floats.js';
import { asTensor, type Operator, rejectInputs } from './operator.js';
import { windowedSize } from './windowed-size.js';

/**
 * Largest value of each window. Input x [batch, channels, height, width]; attributes `size` and `stride`, each one
 * number for both dimensions; x may be levels (int32); what does not fill a window is left out, as in PyTorch without `ceil_mode`.
 */
export const maxPool2d: Operator = {
  name: 'max_pool2d',
  arity: [1, 1],
  infer([x], attributes, layer) {
    const size = sizeAttribute(attributes, 'size', 'max_pool2d', layer);
    const stride = sizeAttribute(attributes, 'stride', 'max_pool2d', layer);
    if (x.shape.length !== 4) {
      rejectInputs(
        'max_pool2d',
        layer,
        `x must be [batch, channels, height, width], not [${x.shape.join(', ')}]`,
      );
    }
    const [batch, channels, height, width] = x.shape;
    const pooled = (input: number | null): number | null =>
      windowedSize('max_pool2d', layer, input, size, stride, 0);
    return { dtype: x.dtype, shape: [batch, channels, pooled(height), pooled(width)] };
  },
  run([input], attributes) {
    const size = sizeAttribute(attributes, 'size', 'max_pool2d');
    const stride = sizeAttribute(attributes, 'stride', 'max_pool2d');
    const x = asTensor(input);
    // Not every tfjs backend pools integers; levels are exact as floats.
    const floats = x.dtype === 'float32' ? x : integersAsFloats(x);
    const last = tf.transpose(floats, [0, 2, 3, 1]) as tf.Tensor4D;
    const pooled = tf.transpose(tf.maxPool(last, size, stride, 'valid'), [0, 3, 1, 2]);
    return x.dtype === 'float32' ? pooled : tf.cast(pooled, x.dtype);
  },
};
