import {
  affineStorageBytes,
  checkDenseWeight,
  defineModifier,
  describeScheme,
  elementCount,
  type ModelEditor,
  type Modifier,
  type ModifierDefinition,
  nextTask,
  type SecondMoments,
  type SecondMomentsObserver,
  storedBytes,
  TampError,
} from '@tamp/core';
import { type ChosenLayer, chooseLayers } from './choose-layers.js';
import { describeLoss } from './describe-loss.js';
import type { DampedFactor } from './factor/damped-factor.js';
import { inputKey, observeInputs } from './hessian/layer-inputs.js';
import { factorFor, quantizeLayer } from './quantize/quantize-layer.js';
import { type GptqSettings, settingsSchema } from './settings.js';
import { workingBytes } from './working-bytes.js';

const name = '@tamp/gptq';

async function rewriteLayer(
  layer: ChosenLayer,
  hessian: SecondMoments,
  factor: DampedFactor,
  editor: ModelEditor,
  settings: GptqSettings,
  room: Float32Array,
): Promise<void> {
  // The parameter as it is now: a modifier before this one may have changed it.
  const before = editor.model.parameters.get(layer.parameter.name) ?? layer.parameter;
  checkDenseWeight({ layer: layer.layer, parameter: before });
  const { parameter, error, energyLost } = await quantizeLayer(
    layer,
    before,
    hessian,
    factor,
    settings,
    editor.signal,
    room,
  );
  editor.setParameter(parameter);
  editor.report({
    layer: layer.layer,
    parameter: parameter.name,
    modifier: name,
    scheme: describeScheme(layer.scheme),
    bytesBefore: storedBytes(before.storage),
    bytesAfter: storedBytes(parameter.storage),
    relativeError: error.relativeError,
    figures: {
      outputEnergyLost: energyLost,
      damping: factor.damping,
      mse: error.meanSquaredError,
      ...(error.signalToNoise === undefined ? {} : { snrDb: error.signalToNoise }),
    },
    note: describeLoss(energyLost, settings.damping, factor.damping),
  });
}

function create(settings: GptqSettings): Modifier {
  // Chosen when the first region comes: patterns speak of the model as the modifiers before left it, and later
  // regions would miss what this one has rewritten.
  let chosen: readonly ChosenLayer[] | undefined;
  let accumulators: ReadonlyMap<string, SecondMomentsObserver> = new Map();
  // Weights are read into one array, one after the other.
  let room = new Float32Array(0);
  return {
    needs: 'calibration',
    plan(model) {
      const layers = chooseLayers(model, settings);
      return {
        workingBytes: workingBytes(layers),
        targets: layers.map(({ layer, parameter, scheme }) => ({
          layer,
          parameter: parameter.name,
          scheme: describeScheme(scheme),
          quantization: { weights: scheme, activation: 'none' },
          bytesBefore: storedBytes(parameter.storage),
          bytesAfter: affineStorageBytes(scheme, parameter.shape, settings.scaleDtype),
        })),
      };
    },
    observe(region, model) {
      chosen ??= chooseLayers(model, settings);
      const inside = chosen.filter(({ node }) => region.nodes.has(node.name));
      const watched = observeInputs(inside);
      accumulators = watched.accumulators;
      return watched.observations;
    },
    async rewrite(region, editor) {
      const inside = (chosen ?? []).filter(({ node }) => region.nodes.has(node.name));
      for (const [key, accumulator] of accumulators) {
        // Layers with one input share its Hessian and factor, and these are gone before the next input's are made.
        const hessian = await accumulator.finish();
        let factor: DampedFactor | undefined;
        try {
          for (const layer of inside) {
            if (inputKey(layer) !== key) continue;
            editor.signal.throwIfAborted();
            if (hessian.rows === 0) {
              throw new TampError('no calibration data reached it', {
                code: 'data',
                at: { layer: layer.layer },
                remedy: 'Give at least one calibration sample.',
              });
            }
            factor ??= await factorFor(layer, hessian, settings);
            const length = elementCount(layer.parameter.shape);
            if (room.length < length) room = new Float32Array(length);
            await rewriteLayer(layer, hessian, factor, editor, settings, room);
            await nextTask();
          }
        } finally {
          factor?.dispose();
          hessian.dispose();
        }
      }
      accumulators = new Map();
    },
  };
}

/**
 * Quantizes weights to 2 to 8 bits so that each layer's outputs on calibration data change least: GPTQ (Frantar et al.
 * 2022). Activations stay float.
 */
export const gptq: ModifierDefinition<GptqSettings> = defineModifier({
  name,
  description: 'Quantizes weights to 2-8 bits with the least change of outputs on calibration data (GPTQ).',
  options: settingsSchema,
  create,
});
