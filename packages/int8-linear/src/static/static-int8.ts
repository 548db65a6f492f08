import {
  affineStorage,
  checkDenseWeight,
  denseStorage,
  dequantizeWeight,
  describeScheme,
  type Graph,
  type LayerReport,
  type LevelParams,
  type Model,
  type ModelEditor,
  type Modifier,
  matrixShape,
  nextTask,
  nodesByName,
  type Observation,
  type Observer,
  type ObserverState,
  type OperatorNode,
  type Parameter,
  readParameter,
  restoreObserver,
  storedBytes,
  TampError,
  usersByName,
  weightError,
} from '@tamp/core';
import { buildInt8Graph, constantNames, type PlacedLayer } from './int8-graph.js';
import { type Int8Plan, observedValues, planInt8, plannedLayers } from './int8-plan.js';
import { layerName, type StaticSettings } from './static-options.js';
import { quantizeStaticWeight, requantizationConstants, type StaticWeight } from './static-weight.js';
import { activationParams, observerOfRange } from './value-params.js';

/** What is done to a layer, in a few characters. */
function describe(weight: StaticWeight): string {
  return `${describeScheme(weight.scheme)}, A8 static, int8 out`;
}

function weightOf(model: Model, node: OperatorNode): Parameter {
  const source = nodesByName(model.graph).get(node.inputs[1]);
  const parameter = source?.kind === 'parameter' ? model.parameters.get(source.parameter) : undefined;
  if (parameter !== undefined) return parameter;
  throw new TampError('its weight is no parameter', {
    code: 'usage',
    at: { layer: layerName(node) },
    remedy: `Leave it out with ignore: [${layerName(node)}].`,
  });
}

/** Refuses weights that are quantized already or that something else than the chosen layers reads. */
function checkWeights(model: Model, plan: Int8Plan): void {
  const users = usersByName(model.graph);
  const chosen = new Set(plannedLayers(plan).map(({ name }) => name));
  for (const node of plannedLayers(plan)) {
    const layer = layerName(node);
    checkDenseWeight({ layer, parameter: weightOf(model, node) });
    const other = users.get(node.inputs[1])?.find(({ name }) => !chosen.has(name));
    if (other === undefined) continue;
    throw new TampError(`its weight is shared with ${other.name}, which stays float`, {
      code: 'usage',
      at: { layer },
      remedy: `Leave it out with ignore: [${layer}].`,
    });
  }
}

/** A model as one int8 graph: levels from the first chosen layer to the last, floats only where others need them. */
export function createStaticInt8(name: string, settings: StaticSettings): Modifier {
  /** By the name of the node that has the values. */
  const observers = new Map<string, Observer>();

  const checkedPlan = (model: Model): Int8Plan => {
    const plan = planInt8(model.graph, settings);
    checkWeights(model, plan);
    return plan;
  };
  const observerOf = (graph: Graph, value: string, node: OperatorNode): Observer => {
    const { activation } = settings.configOf(graph, node);
    const range = settings.ranges.get(value);
    return range === undefined
      ? activation(layerName(node))
      : observerOfRange(activation, layerName(node), range);
  };

  const quantizeWeights = async (
    editor: ModelEditor,
    plan: Int8Plan,
  ): Promise<ReadonlyMap<string, StaticWeight>> => {
    const weights = new Map<string, StaticWeight>();
    for (const node of plannedLayers(plan)) {
      const parameter = weightOf(editor.model, node);
      if (weights.has(parameter.name)) continue;
      editor.signal.throwIfAborted();
      const { rows, columns } = matrixShape(parameter.shape);
      const values = await readParameter(parameter);
      const observer = settings.configOf(editor.model.graph, node).weight(layerName(node));
      const weight = quantizeStaticWeight(values, rows, columns, observer, layerName(node));
      weights.set(parameter.name, weight);
      const storage = affineStorage(weight, weight.scheme, parameter.shape);
      const error = weightError(values, dequantizeWeight(weight));
      const entry: LayerReport = {
        layer: layerName(node),
        parameter: parameter.name,
        modifier: name,
        scheme: describe(weight),
        bytesBefore: storedBytes(parameter.storage),
        bytesAfter: storedBytes(storage),
        relativeError: error.relativeError,
        figures: {
          mse: error.meanSquaredError,
          ...(error.signalToNoise === undefined ? {} : { snrDb: error.signalToNoise }),
        },
      };
      editor.setParameter({ ...parameter, storage });
      editor.report(entry);
      await nextTask();
    }
    return weights;
  };

  const setConstants = async (
    editor: ModelEditor,
    { node, input, output }: PlacedLayer,
    weights: ReadonlyMap<string, StaticWeight>,
  ): Promise<void> => {
    const parameter = weightOf(editor.model, node);
    const weight = weights.get(parameter.name);
    if (weight === undefined)
      throw new TampError(`${parameter.name} was not quantized`, { code: 'internal' });
    const biasNode = node.inputs.length > 2 ? nodesByName(editor.model.graph).get(node.inputs[2]) : undefined;
    const bias = biasNode?.kind === 'parameter' ? editor.model.parameters.get(biasNode.parameter) : undefined;
    const rows = parameter.shape[0];
    const values = requantizationConstants(
      weight.scales,
      bias === undefined ? undefined : await readParameter(bias),
      rows,
      input.scale,
      output.scale,
    );
    const names = constantNames(node.name);
    for (const key of ['multiplier', 'offset'] as const) {
      editor.setParameter({ name: names[key], shape: [rows], storage: denseStorage(values[key]) });
    }
  };

  const constants = async (model: Model, plan: Int8Plan): Promise<ReadonlyMap<string, number>> => {
    const found = new Map<string, number>();
    for (const step of plan.steps.values()) {
      if (step.kind !== 'shift') continue;
      const source = nodesByName(model.graph).get(step.constant);
      const parameter = source?.kind === 'parameter' ? model.parameters.get(source.parameter) : undefined;
      if (parameter !== undefined) found.set(step.constant, (await readParameter(parameter))[0]);
    }
    return found;
  };

  return {
    needs: 'calibration',
    plan(model) {
      const layers = plannedLayers(checkedPlan(model));
      // Refuses an override that matches nothing now, and not when its observer is asked for.
      for (const node of layers) settings.configOf(model.graph, node);
      return {
        targets: layers.map((node) => {
          const parameter = weightOf(model, node);
          const { rows, columns } = matrixShape(parameter.shape);
          return {
            layer: layerName(node),
            parameter: parameter.name,
            scheme: 'W8, A8 static, int8 out',
            // What observers are for by default; others may share a scale otherwise.
            quantization: {
              weights: { bits: 8, symmetric: true, granularity: { kind: 'channel' } },
              activation: 'tensor',
            },
            bytesBefore: storedBytes(parameter.storage),
            bytesAfter: rows * Math.ceil(columns / 4) * 4 + rows * 4,
          };
        }),
      };
    },
    observe(region, model) {
      const plan = checkedPlan(model);
      const observations: Observation[] = [];
      const watch = (value: string, observer: Observer): void => {
        observations.push({
          node: value,
          observe: async (tensor) => observer.observe(Float32Array.from(await tensor.data()), tensor.shape),
        });
      };
      for (const [value, node] of observedValues(plan)) {
        if (!region.nodes.has(value) || observers.has(value)) continue;
        const observer = observerOf(model.graph, value, node);
        observers.set(value, observer);
        if (!settings.ranges.has(value)) watch(value, observer);
      }
      for (const [value, observed] of plan.shifted) {
        const observer = observers.get(observed);
        if (region.nodes.has(value) && observer !== undefined) watch(value, observer);
      }
      return observations;
    },
    saveState: () => JSON.stringify([...observers]),
    restoreState(state) {
      const entries: readonly (readonly [string, ObserverState])[] = JSON.parse(String(state));
      for (const [value, observer] of entries) observers.set(value, restoreObserver(observer));
    },
    async finish(editor) {
      const before = editor.model;
      const plan = checkedPlan(before);
      const numbers = await constants(before, plan);
      const values = observedValues(plan);
      const params = new Map<string, LevelParams>();
      for (const [value, node] of values) {
        const observer = observers.get(value) ?? observerOf(before.graph, value, node);
        params.set(value, activationParams(observer, layerName(node)));
      }
      const { graph, layers } = buildInt8Graph(before.graph, plan, {
        paramsOf(node) {
          const found = params.get(node);
          if (found === undefined) throw new TampError(`${node} was not observed`, { code: 'internal' });
          return found;
        },
        constantOf: (node) => numbers.get(node) ?? 0,
      });
      const weights = await quantizeWeights(editor, plan);
      for (const layer of layers) await setConstants(editor, layer, weights);
      editor.setGraph(graph);
      const used = new Set(graph.nodes.map((node) => (node.kind === 'parameter' ? node.parameter : '')));
      for (const parameter of editor.model.parameters.keys()) {
        if (!used.has(parameter)) editor.removeParameter(parameter);
      }
    },
  };
}
