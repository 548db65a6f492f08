// A worker, so that the page stays responsive and the CPU kernels may use threads (a page's main thread must not wait).
import * as tf from '@tensorflow/tfjs-core';

const open = {
  cpu: async (from) => (await import('./open-on-cpu.js')).openOnCpu(from),
  webgpu: async (from) => (await import('./open-on-webgpu.js')).openOnWebGpu(from),
};

/** The logits of the last position of a causal language model. */
async function lastLogits(runner, ids) {
  const input = tf.tensor2d(ids, [1, ids.length], 'int32');
  const { logits } = await runner.run({ input_ids: input });
  const [, length, vocabulary] = logits.shape;
  const last = tf.slice(logits, [0, length - 1, 0], [1, 1, vocabulary]);
  const values = await last.data();
  tf.dispose([input, logits, last]);
  return values;
}

addEventListener('message', async ({ data: { from, backend, ids } }) => {
  try {
    const { runner, runsOn } = await open[backend](from);
    const start = performance.now();
    const logits = await lastLogits(runner, ids);
    const milliseconds = performance.now() - start;
    runner.dispose();
    postMessage({ runsOn, logits, milliseconds });
  } catch (error) {
    postMessage({ error: error instanceof Error ? error.message : String(error) });
  }
});
