import { registerWebGpuBackend } from '@tamp/backend-webgpu';
import { blobSource, createModelRunner, urlSource } from '@tamp/core';
import { openArchive } from '@tamp/export-zip';
import * as tf from '@tensorflow/tfjs-core';

/** Opens a `.tamp.zip`, by its URL or as a File, to run on WebGPU. */
export async function openOnWebGpu(from) {
  const { name, adapter, integerDot } = await registerWebGpuBackend();
  await tf.setBackend(name);
  const source = from instanceof Blob ? blobSource(from) : await urlSource(from);
  const runner = createModelRunner(await openArchive(source));
  return { runner, runsOn: `${name}: ${adapter}, ${integerDot} integer products` };
}
