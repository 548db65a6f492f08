import { registerCpuBackend } from '@tamp/backend-cpu';
import { blobSource, createModelRunner, urlSource } from '@tamp/core';
import { openArchive } from '@tamp/export-zip';
import * as tf from '@tensorflow/tfjs-core';

/** Opens a `.tamp.zip`, by its URL or as a File, to run on the CPU. */
export async function openOnCpu(from) {
  const { name, threads, simd } = await registerCpuBackend();
  await tf.setBackend(name);
  const source = from instanceof Blob ? blobSource(from) : await urlSource(from);
  const runner = createModelRunner(await openArchive(source));
  return { runner, runsOn: `${name}: ${threads} thread${threads === 1 ? '' : 's'}, ${simd} SIMD` };
}
