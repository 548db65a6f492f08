// @ts-check
import {
  chooseWeightTargets,
  defineModifier,
  denseStorage,
  nextTask,
  readParameter,
  storedBytes,
} from '@tamp/core';
import { z } from 'zod';
import { pruneSmallest } from './prune-smallest.js';

const name = 'tamp-modifier-prune';

/** ‖w − ŵ‖ / ‖w‖. */
function relativeError(/** @type {Float32Array} */ before, /** @type {Float32Array} */ after) {
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < before.length; i++) {
    difference += (before[i] - after[i]) ** 2;
    norm += before[i] ** 2;
  }
  return norm === 0 ? 0 : Math.sqrt(difference / norm);
}

/** Sets the smallest weights of each layer to zero (Han et al. 2015, arXiv 1506.02626, without retraining). */
export default defineModifier({
  name,
  description: 'Sets the smallest weights of each layer to zero; needs no data.',
  // Strict, so that a mistyped key is an error; tamp makes the error's text and the editor's schema from this.
  options: z.strictObject({
    targets: z.array(z.string()).min(1).default(['linear']).describe('Layers to prune.'),
    ignore: z.array(z.string()).default([]).describe('Layers to leave alone.'),
    fraction: z.number().min(0).max(1).default(0.1).describe('Share of the weights that become zero.'),
  }),
  create: (options) => ({
    needs: 'nothing',
    // Before any work: choose, check, and say what will be done. Pruned weights stay as they were stored.
    plan: (model) => ({
      targets: chooseWeightTargets(model, options).map(({ layer, parameter }) => ({
        layer,
        parameter: parameter.name,
        scheme: `prune ${100 * options.fraction}%`,
        bytesBefore: storedBytes(parameter.storage),
        bytesAfter: storedBytes(parameter.storage),
      })),
    }),
    async rewrite(region, editor) {
      for (const { layer, node, parameter } of chooseWeightTargets(editor.model, options)) {
        if (!region.nodes.has(node.name)) continue;
        editor.signal.throwIfAborted();
        const before = await readParameter(parameter);
        const after = pruneSmallest(before, options.fraction);
        const dtype = parameter.storage.kind === 'dense' ? parameter.storage.dtype : 'float32';
        const storage = denseStorage(after, dtype);
        editor.setParameter({ ...parameter, storage });
        editor.report({
          layer,
          parameter: parameter.name,
          modifier: name,
          scheme: `prune ${100 * options.fraction}%`,
          bytesBefore: storedBytes(parameter.storage),
          bytesAfter: storedBytes(storage),
          relativeError: relativeError(before, after),
        });
        // Lets progress be drawn and an interrupt be heard.
        await nextTask();
      }
    },
  }),
});
