import {
  type Attributes,
  type Graph,
  type GraphNode,
  inputsOf,
  type LevelParams,
  nodesByName,
  type OperatorNode,
  TampError,
} from '@tamp/core';
import type { Int8Plan, Int8Step } from './int8-plan.js';
import { shiftedParams } from './value-params.js';

/** What the int8 graph is built from besides the plan. */
export interface Int8Values {
  /** Scale and zero point of a value that calibration saw. */
  paramsOf(node: string): LevelParams;
  /** The number that a parameter node holds. */
  constantOf(node: string): number;
}

/** Names of a layer's constants: parameters beside its weight. */
export function constantNames(layer: string): { readonly multiplier: string; readonly offset: string } {
  return { multiplier: `${layer}.multiplier`, offset: `${layer}.offset` };
}

/** Where a value can be had: as floats, as levels, or both. */
interface Forms {
  float?: string;
  levels?: { readonly node: string; readonly params: LevelParams };
}

/** The scale and zero point of a layer's input, which its constants depend on. */
export interface PlacedLayer {
  readonly node: OperatorNode;
  readonly input: LevelParams;
  readonly output: LevelParams;
}

/** The int8 form of a graph, and the levels between which each of its layers works. */
export function buildInt8Graph(
  graph: Graph,
  plan: Int8Plan,
  { paramsOf, constantOf }: Int8Values,
): { readonly graph: Graph; readonly layers: readonly PlacedLayer[] } {
  const names = new Set(graph.nodes.map(({ name }) => name));
  const byName = nodesByName(graph);
  const nodes: GraphNode[] = [];
  const forms = new Map<string, Forms>();
  const layers: PlacedLayer[] = [];

  const claim = (wanted: string): string => {
    let name = wanted;
    for (let n = 1; names.has(name); n++) name = `${wanted}_${n}`;
    names.add(name);
    return name;
  };
  const formsOf = (name: string): Forms => {
    const known = forms.get(name);
    if (known === undefined) throw new TampError(`${name} has no value yet`, { code: 'internal' });
    return known;
  };
  const add = (
    wanted: string,
    scope: string,
    operator: string,
    inputs: readonly string[],
    attributes: Attributes,
  ): string => {
    const name = claim(wanted);
    nodes.push({ kind: 'operator', name, scope, operator, inputs, attributes });
    return name;
  };
  const asFloat = (name: string): string => {
    const known = formsOf(name);
    if (known.float === undefined && known.levels !== undefined) {
      const { node, params } = known.levels;
      known.float = add(`${name}.dequantize`, byName.get(name)?.scope ?? '', 'dequantize', [node], {
        ...params,
      });
    }
    return known.float ?? name;
  };
  const asLevels = (name: string): { readonly node: string; readonly params: LevelParams } => {
    const known = formsOf(name);
    if (known.levels === undefined) {
      const params = paramsOf(name);
      const source = byName.get(name);
      const node = add(`${name}.quantize`, source?.scope ?? '', 'quantize', [known.float ?? name], {
        ...params,
      });
      known.levels = { node, params };
    }
    return known.levels;
  };
  const parameterNode = (parameter: string, scope: string, shape: readonly number[]): string => {
    const name = claim(parameter);
    nodes.push({ kind: 'parameter', name, scope, parameter, type: { dtype: 'float32', shape } });
    return name;
  };
  /** Keeps a node's place and name but gives it another operator. */
  const replace = (
    node: OperatorNode,
    operator: string,
    inputs: readonly string[],
    attributes: Attributes,
  ): void => {
    nodes.push({ ...node, operator, inputs, attributes });
  };
  /** Records the levels of a step's result under its own name and that of its ReLU. */
  const settle = (node: OperatorNode, relu: OperatorNode | undefined, params: LevelParams): void => {
    const levels = { node: node.name, params };
    forms.set(node.name, { levels });
    if (relu !== undefined) forms.set(relu.name, { levels });
  };

  const takeLayer = ({ node, relu }: Extract<Int8Step, { kind: 'layer' }>): void => {
    const input = asLevels(node.inputs[0]);
    const output = paramsOf(relu?.name ?? node.name);
    const weight = byName.get(node.inputs[1]);
    const shape = weight?.kind === 'parameter' ? weight.type.shape : [];
    const names = constantNames(node.name);
    const constants = [names.multiplier, names.offset].map((name) =>
      parameterNode(name, node.scope, [shape[0] ?? 0]),
    );
    const attributes: Record<string, Attributes[string]> = {
      ...node.attributes,
      inputZeroPoint: input.params.zeroPoint,
      zeroPoint: output.zeroPoint,
      relu: relu !== undefined,
    };
    if (node.operator === 'conv2d') attributes.kernel = shape.slice(2);
    replace(node, `quantized_${node.operator}`, [input.node, node.inputs[1], ...constants], attributes);
    settle(node, relu, output);
    layers.push({ node, input: input.params, output });
  };

  const takeAdd = ({ node, relu }: Extract<Int8Step, { kind: 'add' }>): void => {
    const [a, b] = node.inputs.map(asLevels);
    const output = paramsOf(relu?.name ?? node.name);
    replace(node, 'quantized_add', [a.node, b.node], {
      aScale: a.params.scale,
      aZeroPoint: a.params.zeroPoint,
      bScale: b.params.scale,
      bZeroPoint: b.params.zeroPoint,
      ...output,
      relu: relu !== undefined,
    });
    settle(node, relu, output);
  };

  const takeShift = ({ node, input, constant }: Extract<Int8Step, { kind: 'shift' }>): void => {
    const levels = asLevels(input);
    const { params, requantize } = shiftedParams(levels.params, constantOf(constant));
    if (!requantize) {
      forms.set(node.name, { levels: { node: levels.node, params } });
      return;
    }
    const [a, b] = node.inputs.map(asFloat);
    replace(node, 'add', [a, b], node.attributes);
    const moved = add(`${node.name}.quantize`, node.scope, 'quantize', [node.name], { ...params });
    forms.set(node.name, { float: node.name, levels: { node: moved, params } });
  };

  const takePass = ({ node }: Extract<Int8Step, { kind: 'pass' }>): void => {
    const { node: levels, params } = asLevels(node.inputs[0]);
    const relu = node.operator === 'relu';
    replace(
      node,
      relu ? 'quantized_relu' : node.operator,
      [levels],
      relu ? { zeroPoint: params.zeroPoint } : node.attributes,
    );
    forms.set(node.name, { levels: { node: node.name, params } });
  };

  for (const node of graph.nodes) {
    const step = plan.steps.get(node.name);
    if (plan.fused.has(node.name)) continue;
    if (step === undefined) {
      const inputs = inputsOf(node).map(asFloat);
      if (node.kind === 'operator') nodes.push({ ...node, inputs });
      else if (node.kind === 'output') nodes.push({ ...node, input: inputs[0] });
      else nodes.push(node);
      forms.set(node.name, { float: node.name });
    } else if (step.kind === 'layer') takeLayer(step);
    else if (step.kind === 'add') takeAdd(step);
    else if (step.kind === 'shift') takeShift(step);
    else takePass(step);
  }
  const used = new Set(nodes.flatMap((node) => [...inputsOf(node)]));
  const needed = nodes.filter(({ kind, name }) => kind !== 'parameter' || used.has(name));
  return { graph: { ...graph, nodes: needed }, layers };
}
