import { readTensorFixture } from '@tamp/fixtures';
import { type LabelledData, sliceSamples } from '../src/index.js';

const file = readTensorFixture('digits', 'digits.safetensors');
const images = file.get('images');
const labels = file.get('labels');
const all: LabelledData = {
  inputs: { input: { values: Uint8Array.from(images.numbers()), shape: images.shape, scale: 1 / 16 } },
  labels: { values: Int32Array.from(labels.numbers()), shape: labels.shape },
};
const trainingRows = 1437;

/** The digits, pixels / 16: rows 0 to 1436 for training, the others for testing. */
export const training: LabelledData = sliceSamples(all, 0, trainingRows);
export const testing: LabelledData = sliceSamples(all, trainingRows, labels.shape[0]);
