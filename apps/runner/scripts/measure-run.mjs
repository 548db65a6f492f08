// Runs one recipe and prints, as JSON lines, how long each stage took and the most memory it held. Started by
// plan-accuracy.mjs with the path of the recipe.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { prepareRecipe, runRecipe } from '@tamp/recipe';
import { startBackend } from '../dist/backend.js';
import { createNodeHost } from '../dist/host/node-host.js';

const [path] = process.argv.slice(2);
const host = createNodeHost({ folder: dirname(path) });
const prepared = await prepareRecipe(readFileSync(path, 'utf8'), path, host);
const backend = await startBackend();
let started = 0;
await runRecipe(prepared, host, {
  onEvent({ kind, stage }) {
    if (kind === 'start') {
      // Linux: the peak counts from here.
      writeFileSync('/proc/self/clear_refs', '5');
      started = performance.now();
    } else if (kind === 'end') {
      const [, peak] = /VmHWM:\s*(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'));
      const seconds = (performance.now() - started) / 1000;
      process.send?.({ stage, seconds, memoryBytes: Number(peak) * 1024 });
    }
  },
});
backend.stop();
await prepared.close();
process.disconnect?.();
