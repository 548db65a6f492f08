import { Random } from '@tamp/core';
import { readTensorFixture } from '@tamp/fixtures';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

const file = readTensorFixture('digits', 'digits.safetensors');
const pixels = Float32Array.from(file.get('images').numbers(), (value) => value / 16);
const labels = Int32Array.from(file.get('labels').numbers());
const [total] = file.get('images').shape;
const pixelsPerImage = 64;
const classes = 10;
/** Rows 0 to 1436 are for training, the others for testing. */
export const trainingRows = 1437;

/** Images [n, 64] and one-hot labels [n, 10] of the given rows. */
export function rows(indices: Uint32Array): { readonly images: tf.Tensor2D; readonly labels: tf.Tensor2D } {
  const images = new Float32Array(indices.length * pixelsPerImage);
  const hot = new Float32Array(indices.length * classes);
  indices.forEach((row, i) => {
    images.set(pixels.subarray(row * pixelsPerImage, (row + 1) * pixelsPerImage), i * pixelsPerImage);
    hot[i * classes + labels[row]] = 1;
  });
  return {
    images: tf.tensor2d(images, [indices.length, pixelsPerImage]),
    labels: tf.tensor2d(hot, [indices.length, classes]),
  };
}

/** The rows from `from` up to `to`. */
export function range(from: number, to: number): Uint32Array {
  return Uint32Array.from({ length: to - from }, (_, i) => from + i);
}

/** The share of test rows that a model's logits classify rightly. */
export function testAccuracy(predict: (images: tf.Tensor2D) => tf.Tensor): number {
  const test = rows(range(trainingRows, total));
  const accuracy = tf.tidy(() => {
    const right = tf.equal(tf.argMax(predict(test.images), 1), tf.argMax(test.labels, 1));
    return tf.mean(tf.cast(right, 'float32')).dataSync()[0];
  });
  tf.dispose([test.images, test.labels]);
  return accuracy;
}

/** The digits MLP (64-256-256-10, logits) with weights and biases from U(±1/√fanIn). */
export function digitsMlp(seed: number, units: readonly number[] = [256, 256, classes]): tfl.Sequential {
  const random = new Random(seed);
  const model = tfl.sequential();
  const weights: tf.Tensor[] = [];
  let fanIn = pixelsPerImage;
  units.forEach((width, i) => {
    const last = i === units.length - 1;
    model.add(
      tfl.layers.dense({
        units: width,
        activation: last ? 'linear' : 'relu',
        ...(i === 0 ? { inputShape: [pixelsPerImage] } : {}),
      }),
    );
    const bound = 1 / Math.sqrt(fanIn);
    const draw = (shape: number[]): tf.Tensor =>
      tf.tensor(
        random.fillCentered(new Float32Array(tf.util.sizeFromShape(shape))).map((u) => 2 * u * bound),
        shape,
      );
    weights.push(draw([fanIn, width]), draw([width]));
    fanIn = width;
  });
  model.setWeights(weights);
  tf.dispose(weights);
  return model;
}

/** Cross entropy of logits, as `model.compile` takes it. */
export const crossEntropy = (truth: tf.Tensor, logits: tf.Tensor): tf.Tensor =>
  tf.losses.softmaxCrossEntropy(truth, logits);
