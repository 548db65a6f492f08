import * as tf from '@tensorflow/tfjs-core';
import type { Attributes } from '../graph/graph.js';
import { countAttribute, sizeAttribute } from './attributes.js';
import { asTensor, type Operator, rejectInputs } from './operator.js';
import { windowedSize } from './windowed-size.js';

function geometry(attributes: Attributes, layer: string): { stride: number; padding: number } {
  return {
    stride: sizeAttribute(attributes, 'stride', 'conv2d', layer),
    padding: countAttribute(attributes, 'padding', 'conv2d', layer),
  };
}

/**
 * Two-dimensional convolution (cross-correlation) in PyTorch's layout. Inputs: x [batch, channels, height, width],
 * weight [output channels, channels, kernel height, kernel width], optionally bias [output channels]. Attributes:
 * `stride` and `padding` (zeros on every side), each one number for both dimensions.
 */
export const conv2d: Operator = {
  name: 'conv2d',
  arity: [2, 3],
  infer([x, weight, bias], attributes, layer) {
    const { stride, padding } = geometry(attributes, layer);
    if (x.shape.length !== 4) {
      rejectInputs(
        'conv2d',
        layer,
        `x must be [batch, channels, height, width], not [${x.shape.join(', ')}]`,
      );
    }
    if (weight.shape.length !== 4) {
      rejectInputs('conv2d', layer, `the weight must have four dimensions, not [${weight.shape.join(', ')}]`);
    }
    const [batch, channels, height, width] = x.shape;
    const [outputs, inputs, kernelHeight, kernelWidth] = weight.shape;
    if (channels !== null && inputs !== null && channels !== inputs) {
      rejectInputs('conv2d', layer, `the input has ${channels} channels, the weight ${inputs}`);
    }
    if (bias !== undefined && (bias.shape.length !== 1 || bias.shape[0] !== outputs)) {
      rejectInputs('conv2d', layer, `the bias must have shape [${outputs}], not [${bias.shape.join(', ')}]`);
    }
    const size = (input: number | null, kernel: number | null): number | null =>
      windowedSize('conv2d', layer, input, kernel, stride, padding);
    return {
      dtype: 'float32',
      shape: [batch, outputs, size(height, kernelHeight), size(width, kernelWidth)],
    };
  },
  run([input, weight, biasOperand], attributes) {
    const { stride, padding } = geometry(attributes, 'conv2d');
    // Not every tfjs backend has NCHW convolutions, so the channels go last for the call.
    const x = tf.transpose(asTensor(input), [0, 2, 3, 1]) as tf.Tensor4D;
    const kernel = tf.transpose(asTensor(weight), [2, 3, 1, 0]) as tf.Tensor4D;
    // Padding as one number makes tfjs take every kernel for a square one.
    const sides: tf.backend_util.ExplicitPadding = [
      [0, 0],
      [padding, padding],
      [padding, padding],
      [0, 0],
    ];
    const product = tf.conv2d(x, kernel, stride, sides);
    const sum = biasOperand === undefined ? product : tf.add(product, asTensor(biasOperand));
    return tf.transpose(sum, [0, 3, 1, 2]);
  },
};
