import {
  affineStorageBytes,
  checkDenseWeight,
  defineModifier,
  describeScheme,
  type ModelEditor,
  type Modifier,
  type ModifierDefinition,
  nextTask,
  type Parameter,
  replaceOperators,
  storedBytes,
} from '@tamp/core';
import { type ChosenLayer, chooseLayers } from './choose-layers.js';
import { quantizeLayer } from './quantize-layer.js';
import { settingsSchema, type WeightOnlySettings } from './settings.js';

const name = '@tamp/weight-only';

/** Makes the linear layers that read a weight quantize their input in blocks. */
function takeInt8Blocks(editor: ModelEditor, { parameter }: ChosenLayer): void {
  const { graph } = editor.model;
  const source = graph.nodes.find((node) => node.kind === 'parameter' && node.parameter === parameter.name);
  editor.setGraph(
    replaceOperators(graph, ({ operator, inputs, attributes }) =>
      operator === 'linear' && inputs[1] === source?.name
        ? { operator, attributes: { ...attributes, activation: 'int8-block' } }
        : undefined,
    ),
  );
}

function describe(layer: ChosenLayer, { activation }: WeightOnlySettings): string {
  const text = describeScheme(layer.scheme);
  return activation === 'int8-block' && layer.node.operator === 'linear' ? `${text}, A8 blocks` : text;
}

async function rewriteLayer(
  layer: ChosenLayer,
  before: Parameter,
  editor: ModelEditor,
  settings: WeightOnlySettings,
): Promise<void> {
  const { parameter, error } = await quantizeLayer(
    layer.layer,
    before,
    layer.scheme,
    settings,
    editor.signal,
  );
  editor.setParameter(parameter);
  if (settings.activation === 'int8-block') takeInt8Blocks(editor, layer);
  editor.report({
    layer: layer.layer,
    parameter: parameter.name,
    modifier: name,
    scheme: describe(layer, settings),
    bytesBefore: storedBytes(before.storage),
    bytesAfter: storedBytes(parameter.storage),
    relativeError: error.relativeError,
    figures: {
      mse: error.meanSquaredError,
      ...(error.signalToNoise === undefined ? {} : { snrDb: error.signalToNoise }),
    },
  });
}

function create(settings: WeightOnlySettings): Modifier {
  // Chosen when the first region comes: patterns speak of the model as the modifiers before left it, and later
  // regions would miss what this one has rewritten.
  let chosen: readonly ChosenLayer[] | undefined;
  return {
    needs: 'nothing',
    plan(model) {
      const layers = chooseLayers(model, settings);
      return {
        targets: layers.map((layer) => ({
          layer: layer.layer,
          parameter: layer.parameter.name,
          scheme: describe(layer, settings),
          quantization: {
            weights: layer.scheme,
            activation: settings.activation === 'float' ? 'none' : 'block',
          },
          bytesBefore: storedBytes(layer.parameter.storage),
          bytesAfter: affineStorageBytes(layer.scheme, layer.parameter.shape, settings.scaleDtype),
        })),
      };
    },
    async rewrite(region, editor) {
      chosen ??= chooseLayers(editor.model, settings);
      for (const layer of chosen) {
        // The parameter as it is now: an earlier modifier may have changed it since the layers were chosen.
        const parameter = editor.model.parameters.get(layer.parameter.name);
        if (parameter === undefined || !region.nodes.has(layer.node.name)) continue;
        editor.signal.throwIfAborted();
        checkDenseWeight({ layer: layer.layer, parameter });
        await rewriteLayer(layer, parameter, editor, settings);
        await editor.settle();
        await nextTask();
      }
    },
  };
}

/**
 * Quantizes weights to 2 to 8 bits, by group, by channel or per tensor, rounding to nearest or with a range search;
 * activations stay float (or int8 in blocks). Needs no data.
 */
export const weightOnly: ModifierDefinition<WeightOnlySettings> = defineModifier({
  name,
  description: 'Quantizes weights to 2-8 bits and leaves activations float; needs no data.',
  options: settingsSchema,
  create,
});
