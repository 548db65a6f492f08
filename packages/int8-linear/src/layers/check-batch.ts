import { TampError } from '@tamp/core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { LayersBatch } from './layers-batch.js';

type Shape = readonly (number | null)[];

function shapeText(shape: Shape): string {
  return `[${shape.map((size) => size ?? 'any').join(', ')}]`;
}

function fits(shape: Shape, wanted: Shape): boolean {
  return shape.length === wanted.length && wanted.every((size, i) => size === null || size === shape[i]);
}

/**
 * Checks that a calibration batch, the `number`th, has one tensor for each input of a built model, of its shape and all of
 * as many samples. Throws a `TampError` (`usage`) that names the batch, the shape it has and the one that is wanted.
 */
export function checkBatch({ inputs }: LayersModel, batch: LayersBatch, number: number): void {
  const tensors = Array.isArray(batch) ? batch : [batch];
  const refuse = (problem: string, remedy: string): never => {
    throw new TampError(`calibration batch ${number} ${problem}`, { code: 'usage', remedy });
  };
  if (tensors.length !== inputs.length) {
    const names = inputs.map(({ name }) => name).join(', ');
    refuse(
      `has ${tensors.length} ${tensors.length === 1 ? 'tensor' : 'tensors'}, and the model the inputs ${names}`,
      'Give one tensor for each input, in this order.',
    );
  }
  const samples = tensors[0].shape[0];
  for (const [i, { name, shape: wanted }] of inputs.entries()) {
    const { shape } = tensors[i];
    if (!fits(shape, wanted)) {
      refuse(
        `has shape ${shapeText(shape)} for the input ${name}, and the model wants ${shapeText(wanted)}`,
        fits(shape, wanted.slice(1))
          ? 'The first dimension counts samples: add it with tf.expandDims(sample, 0).'
          : 'Give the samples the shape that the model was made for; the first dimension counts them.',
      );
    }
    if (shape[0] !== samples) {
      refuse(
        `has ${shape[0]} samples for the input ${name}, and ${samples} for ${inputs[0].name}`,
        'Give every input as many samples.',
      );
    }
  }
}
