import { type CpuBackend, registerCpuBackend } from '@tamp/backend-cpu';
import { createModelRunner } from '@tamp/core';
import { folderAtUrl, openModel } from '@tamp/models';
import * as tf from '@tensorflow/tfjs-core';

/** Threads of the CPU kernels in this place, and what they compute. */
export interface CpuRun {
  readonly threads: number;
  readonly isolated: boolean;
  /** Logits of tiny-llama. */
  readonly logits: readonly number[];
}

/** Runs tiny-llama on the CPU kernels with the threads that this place allows. */
export async function runOnCpu(models: string): Promise<CpuRun> {
  const { name, threads }: CpuBackend = await registerCpuBackend();
  await tf.setBackend(name);
  const files = ['config.json', 'model.safetensors'];
  const runner = createModelRunner(await openModel(folderAtUrl(`${models}/tiny-llama`, { files })));
  const ids = tf.tensor2d([1, 2, 3, 4, 5, 6, 7, 8], [1, 8], 'int32');
  const { logits } = await runner.run({ input_ids: ids });
  const values = [...(await logits.data())];
  tf.dispose([ids, logits]);
  runner.dispose();
  return { threads, isolated: globalThis.crossOriginIsolated, logits: values };
}
