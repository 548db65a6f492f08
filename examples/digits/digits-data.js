import { fileURLToPath } from 'node:url';
import { readAll } from '@tamp/core';
import { openSafetensors } from '@tamp/safetensors';
import { fileSource } from '@tamp/safetensors/node';
import { sliceSamples } from '@tamp/training-pipeline';

const trainingRows = 1437;

/** The digits as labelled samples, pixels / 16: rows 0 to 1436 for training, the others for testing. */
export async function readDigits() {
  const source = await fileSource(fileURLToPath(new URL('./digits.safetensors', import.meta.url)));
  try {
    const file = await openSafetensors(source);
    const bytes = async (name) => Uint8Array.from(await readAll(file.tensor(name)));
    const { shape } = file.tensors.get('images');
    const all = {
      inputs: { input: { values: await bytes('images'), shape, scale: 1 / 16 } },
      labels: { values: new Int32Array((await bytes('labels')).buffer), shape: [shape[0]] },
    };
    return {
      training: sliceSamples(all, 0, trainingRows),
      testing: sliceSamples(all, trainingRows, shape[0]),
    };
  } finally {
    await source.close();
  }
}
