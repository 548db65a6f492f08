import * as tf from '@tensorflow/tfjs-core';
import { levelsLinear } from '../kernels/requantize.js';
import { countAttribute, numbersAttribute, sizeAttribute } from './attributes.js';
import { conv2d } from './conv2d.js';
import { requantization, zeroPointAttribute } from './level-attributes.js';
import { asTensor, type Operator, rejectInputs } from './operator.js';
import { checkRequantized, quantizedWeight } from './quantized-weight.js';
import { windowedSize } from './windowed-size.js';

/** Where each window's elements lie in one padded image [channels, height, width], window by window. */
function windowIndices(
  [channels, height, width]: readonly [number, number, number],
  [kernelHeight, kernelWidth]: readonly [number, number],
  [outHeight, outWidth]: readonly [number, number],
  stride: number,
): Int32Array {
  const indices = new Int32Array(outHeight * outWidth * channels * kernelHeight * kernelWidth);
  let at = 0;
  for (let y = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++) {
      for (let c = 0; c < channels; c++) {
        for (let i = 0; i < kernelHeight; i++) {
          const row = (c * height + y * stride + i) * width + x * stride;
          for (let j = 0; j < kernelWidth; j++) indices[at++] = row + j;
        }
      }
    }
  }
  return indices;
}

/**
 * A convolution from levels to levels (int32): its windows as rows of a `quantized_linear`, the padding being the
 * input's zero point. Inputs: x [batch, channels, height, width], weight int8 [outputs, channels, kernel height, kernel
 * width], multiplier [outputs], offset [outputs]. Attributes: `stride`, `padding`, `kernel` [height, width],
 * `inputZeroPoint`, `zeroPoint` of the output, `relu` when one is fused.
 */
export const quantizedConv2d: Operator = {
  name: 'quantized_conv2d',
  arity: [4, 4],
  quantizedInputs: { 1: 'int8' },
  infer(inputs, attributes, layer) {
    zeroPointAttribute(attributes, 'inputZeroPoint', 'quantized_conv2d', layer);
    requantization(attributes, 'quantized_conv2d', layer);
    checkRequantized('quantized_conv2d', inputs, layer);
    const { shape } = conv2d.infer(inputs.slice(0, 2), attributes, layer);
    const kernel = numbersAttribute(attributes, 'kernel', 'quantized_conv2d', layer);
    if (kernel.join() !== inputs[1].shape.slice(2).join()) {
      rejectInputs('quantized_conv2d', layer, `the weight's windows are not of size [${kernel.join(', ')}]`);
    }
    return { dtype: 'int32', shape };
  },
  run([input, weightOperand, multiplier, offset], attributes) {
    const x = asTensor(input);
    const weight = quantizedWeight(weightOperand, 'quantized_conv2d');
    const stride = sizeAttribute(attributes, 'stride', 'quantized_conv2d');
    const padding = countAttribute(attributes, 'padding', 'quantized_conv2d');
    const [kernelHeight, kernelWidth] = numbersAttribute(attributes, 'kernel', 'quantized_conv2d');
    const zeroPoint = zeroPointAttribute(attributes, 'inputZeroPoint', 'quantized_conv2d');
    const [batch, channels, height, width] = x.shape;
    const outHeight = windowedSize('quantized_conv2d', 'x', height, kernelHeight, stride, padding) ?? 0;
    const outWidth = windowedSize('quantized_conv2d', 'x', width, kernelWidth, stride, padding) ?? 0;
    const size: [number, number, number] = [channels, height + 2 * padding, width + 2 * padding];
    const sides: [number, number][] = [
      [0, 0],
      [0, 0],
      [padding, padding],
      [padding, padding],
    ];
    const padded = tf.reshape(tf.pad(x, sides, zeroPoint), [batch, size[0] * size[1] * size[2]]);
    const indices = windowIndices(size, [kernelHeight, kernelWidth], [outHeight, outWidth], stride);
    const windows = tf.gather(padded, tf.tensor1d(indices, 'int32'), 1);
    const levels = levelsLinear(
      tf.reshape(windows, [-1, weight.columns]),
      weight,
      { multiplier: asTensor(multiplier), offset: asTensor(offset) },
      zeroPoint,
      requantization(attributes, 'quantized_conv2d'),
    );
    const last = tf.reshape(levels, [batch, outHeight, outWidth, weight.rows]);
    // tfjs's WebGPU backend cannot transpose integers: the cast comes last.
    return tf.cast(tf.transpose(last, [0, 3, 1, 2]), 'int32');
  },
};
