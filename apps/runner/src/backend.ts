import { registerCpuBackend } from '@tamp/backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';

/** What the command computes with. */
export interface Backend {
  readonly name: string;
  readonly threads: number;
  /** Ends its threads. */
  stop(): void;
}

/** Starts the backend that all commands compute with. `threads`: default all cores. */
export async function startBackend(threads?: number): Promise<Backend> {
  // Without this tfjs advertises its native package on every start.
  tf.enableProdMode();
  const backend = await registerCpuBackend(threads === undefined ? {} : { threads });
  await tf.setBackend(backend.name);
  return { name: backend.name, threads: backend.threads, stop: () => tf.removeBackend(backend.name) };
}
