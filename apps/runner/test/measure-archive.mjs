// Opens archives one after the other, runs each model once, and prints the process's highest resident memory after each.
// A process of its own: that figure never falls.

import { registerCpuBackend } from '@tamp/backend-cpu';
import { createModelRunner } from '@tamp/core';
import { openArchiveFile } from '@tamp/export-zip/node';
import * as tf from '@tensorflow/tfjs-core';

await tf.setBackend((await registerCpuBackend({ threads: 1 })).name);
const peaks = [];
for (const path of process.argv.slice(2)) {
  const { model, close } = await openArchiveFile(path);
  const runner = createModelRunner(model);
  const x = tf.ones([1, model.config.width]);
  for (let i = 0; i < 2; i++) {
    const { y } = await runner.run({ x });
    await y.data();
    y.dispose();
  }
  x.dispose();
  runner.dispose();
  await close();
  // Kilobytes.
  peaks.push(process.resourceUsage().maxRSS * 1024);
}
process.stdout.write(JSON.stringify(peaks));
