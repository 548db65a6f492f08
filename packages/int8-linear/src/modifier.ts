import {
  type AttributeValue,
  affineStorage,
  affineStorageBytes,
  checkDenseWeight,
  defineModifier,
  dequantizeWeight,
  describeScheme,
  type Int8Activation,
  type ModelEditor,
  type Modifier,
  type ModifierDefinition,
  matrixShape,
  nextTask,
  type Observer,
  type Parameter,
  readParameter,
  replaceOperators,
  storedBytes,
  weightError,
} from '@tamp/core';
import {
  activationObserver,
  describeActivation,
  dynamicActivation,
  staticActivation,
} from './activation-observer.js';
import { type ChosenLayer, chooseLayers } from './choose-layers.js';
import { int8Scheme, quantizeInt8Weight, weightRule } from './int8-weight.js';
import { type Int8LinearSettings, settingsSchema } from './settings.js';

const name = '@tamp/int8-linear';

function describe({ weights, activation }: Int8LinearSettings): string {
  return `${describeScheme(int8Scheme(weights.granularity))}, ${describeActivation(activation)}`;
}

/** How each of a layer's operators quantizes its input, by node name. */
type Activations = ReadonlyMap<string, Int8Activation>;

async function rewriteLayer(
  layer: ChosenLayer,
  before: Parameter,
  activations: Activations,
  editor: ModelEditor,
  settings: Int8LinearSettings,
): Promise<void> {
  const { rows, columns } = matrixShape(before.shape);
  const weight = await readParameter(before);
  const quantized = quantizeInt8Weight(weight, rows, columns, {
    granularity: settings.weights.granularity,
    rule: weightRule(settings.activation),
    layer: layer.layer,
  });
  const parameter: Parameter = {
    ...before,
    storage: affineStorage(quantized, quantized.scheme, before.shape),
  };
  editor.setParameter(parameter);
  editor.setGraph(
    replaceOperators(editor.model.graph, (node) => {
      const activation = activations.get(node.name);
      if (activation === undefined) return undefined;
      const attribute: AttributeValue = { ...activation };
      return { operator: 'int8_linear', attributes: { ...node.attributes, activation: attribute } };
    }),
  );
  const error = weightError(weight, dequantizeWeight(quantized));
  editor.report({
    layer: layer.layer,
    parameter: parameter.name,
    modifier: name,
    scheme: describe(settings),
    bytesBefore: storedBytes(before.storage),
    bytesAfter: storedBytes(parameter.storage),
    relativeError: error.relativeError,
    figures: {
      mse: error.meanSquaredError,
      ...(error.signalToNoise === undefined ? {} : { snrDb: error.signalToNoise }),
    },
  });
}

function create(settings: Int8LinearSettings): Modifier {
  const { activation } = settings;
  // Chosen when the first region comes: patterns speak of the model as the modifiers before left it, and later
  // regions would miss what this one has rewritten.
  let chosen: readonly ChosenLayer[] | undefined;
  /** By the name of the observed node: layers with one input share its observer. */
  const observers = new Map<string, Observer>();
  /** Name of the node that is an operator's input. */
  const inputs = new Map<string, string>();

  const activationOf = (node: string): Int8Activation => {
    if (activation.kind !== 'static') return dynamicActivation(activation.kind, activation.reduceRange);
    const input = inputs.get(node) ?? '';
    return staticActivation(observers.get(input) ?? activationObserver(activation, node), activation);
  };

  return {
    needs: activation.kind === 'static' ? 'calibration' : 'nothing',
    plan(model) {
      const scheme = int8Scheme(settings.weights.granularity);
      return {
        targets: chooseLayers(model, settings).map(({ layer, parameter }) => ({
          layer,
          parameter: parameter.name,
          scheme: describe(settings),
          quantization: { weights: scheme, activation: activation.kind === 'token' ? 'token' : 'tensor' },
          bytesBefore: storedBytes(parameter.storage),
          bytesAfter: affineStorageBytes(scheme, parameter.shape),
        })),
      };
    },
    observe(region, model) {
      if (activation.kind !== 'static') return [];
      chosen ??= chooseLayers(model, settings);
      const targets = new Set(chosen.flatMap(({ nodes }) => nodes).filter((node) => region.nodes.has(node)));
      const fresh = new Map<string, Observer>();
      for (const node of model.graph.nodes) {
        if (node.kind !== 'operator' || !targets.has(node.name)) continue;
        const input = node.inputs[0];
        inputs.set(node.name, input);
        if (!fresh.has(input)) fresh.set(input, activationObserver(activation, node.scope || node.name));
      }
      for (const [input, observer] of fresh) observers.set(input, observer);
      return [...fresh].map(([node, observer]) => ({
        node,
        observe: async (value) => observer.observe(Float32Array.from(await value.data()), value.shape),
      }));
    },
    async rewrite(region, editor) {
      chosen ??= chooseLayers(editor.model, settings);
      for (const layer of chosen) {
        const parameter = editor.model.parameters.get(layer.parameter.name);
        if (parameter === undefined || !region.nodes.has(layer.node.name)) continue;
        editor.signal.throwIfAborted();
        checkDenseWeight({ layer: layer.layer, parameter });
        const activations = new Map(layer.nodes.map((node) => [node, activationOf(node)]));
        await rewriteLayer(layer, parameter, activations, editor, settings);
        await nextTask();
      }
    },
  };
}

/**
 * Makes linear layers int8: weights quantized ahead of time, inputs during the call, products summed exactly in
 * int32 (FBGEMM's arithmetic); float in, float out. Needs no data, except for static activations.
 */
export const int8LinearModifier: ModifierDefinition<Int8LinearSettings> = defineModifier({
  name,
  description: 'Makes linear layers int8: int8 weights and int8 activations (W8A8).',
  options: settingsSchema,
  create,
});
