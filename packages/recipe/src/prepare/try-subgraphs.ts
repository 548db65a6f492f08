import {
  createModelEditor,
  createModelRunner,
  type InputNode,
  type Model,
  type ModelEditor,
  type NamedModifier,
  type Observation,
  type ValueObserver,
} from '@tamp/core';
import { chooseTargets, partitionGraph, type Subgraph } from '@tamp/sequential-pipeline';
import * as tf from '@tensorflow/tfjs-core';
import type { PipelineSettings } from '../schema/recipe-schema.js';

/** How data flows in a run that is tried. */
export interface TriedFlow {
  /** Samples of one batch, and tokens of one sample where the model reads text. */
  readonly batchSize: number;
  readonly tokens: number;
  /** Batches of a pass over the data. */
  readonly batches: number;
}

/** What is to be tried. */
export interface Trial {
  readonly model: Model;
  /** Those that do not train, in their order. */
  readonly modifiers: readonly NamedModifier[];
  readonly pipeline: PipelineSettings;
  readonly calibration?: TriedFlow;
  readonly evaluation?: TriedFlow;
}

/** Seconds that parts of a run will take. */
export interface TriedSeconds {
  /** One evaluation of the model as it is, and as modifiers leave it, the loss left out. */
  readonly before: number;
  readonly after: number;
  /** All that modifiers do, and what flows while they do it. */
  readonly modify: number;
}

/** Something is timed for so long at least, in seconds, unless it is as often as the run does it. */
const leastTimed = 0.4;
/** A subgraph of which there are several is tried again when the first trial took less: it was the engine's first. */
const leastTrial = 2;

const secondsSince = (started: number): number => (performance.now() - started) / 1000;

/** What two subgraphs have in common that take the same time: operators, shapes and how they are wired. */
function kindOf({ graph, targets }: Subgraph): string {
  const place = new Map(graph.nodes.map(({ name }, i) => [name, i]));
  const nodes = graph.nodes.map((node) => {
    switch (node.kind) {
      case 'operator':
        return [node.operator, node.attributes, node.inputs.map((input) => place.get(input))];
      case 'output':
        return ['output', place.get(node.input)];
      default:
        return [node.kind, node.type];
    }
  });
  return JSON.stringify([targets.length, nodes]);
}

/** Numbers of the right shape and type; what they are changes no time. */
function inputOf({ type }: InputNode, { batchSize, tokens }: TriedFlow): tf.Tensor {
  const shape = type.shape.map((size, i) => size ?? (i === 0 ? batchSize : tokens));
  return type.dtype === 'float32' ? tf.randomNormal(shape) : tf.zeros(shape, type.dtype);
}

/** Seconds of all batches through a graph, whose parameters the first of them reads. */
async function flowSeconds(
  model: Model,
  { graph }: Subgraph,
  flow: TriedFlow,
  observations?: readonly Observation[],
): Promise<number> {
  if (observations?.length === 0) return 0;
  const observe = new Map<string, ValueObserver>();
  for (const { node, observe: next } of observations ?? []) {
    const before = observe.get(node);
    observe.set(node, async (value, at) => {
      await before?.(value, at);
      await next(value, at);
    });
  }
  const inputs: Record<string, tf.Tensor> = {};
  for (const node of graph.nodes) if (node.kind === 'input') inputs[node.name] = inputOf(node, flow);
  const runner = createModelRunner({ ...model, graph });
  const once = async (): Promise<void> => {
    const outputs = await runner.run(inputs, {
      observe,
      ...(observations === undefined ? {} : { outputs: [] }),
    });
    for (const output of Object.values(outputs)) {
      await output.data();
      output.dispose();
    }
  };
  try {
    const begun = performance.now();
    await once();
    const first = secondsSince(begun);
    const started = performance.now();
    let times = 0;
    do {
      await once();
      times++;
    } while (times < flow.batches && secondsSince(started) < leastTimed);
    return first + (secondsSince(started) / times) * Math.max(0, flow.batches - 1);
  } finally {
    runner.dispose();
    tf.dispose(inputs);
  }
}

/**
 * Does what a run does to one subgraph of each kind, with a few batches of random numbers, and reckons from it what all
 * will take. Modifiers keep what they learn from it: they must not be used for a run afterwards. Frees its tensors.
 */
export async function trySubgraphs(trial: Trial): Promise<TriedSeconds> {
  const { model, modifiers, pipeline, calibration, evaluation } = trial;
  const targets = chooseTargets(model.graph, pipeline);
  const editor: ModelEditor = createModelEditor(model);
  const cut = (): readonly Subgraph[] => partitionGraph(editor.model.graph, targets, pipeline);
  const subgraphs = cut();
  const kinds = new Map<string, number[]>();
  for (const [index, subgraph] of subgraphs.entries()) {
    const kind = kindOf(subgraph);
    kinds.set(kind, [...(kinds.get(kind) ?? []), index]);
  }

  const tryOne = async (index: number): Promise<TriedSeconds> => {
    const isLast = index === subgraphs.length - 1;
    const evaluate = async (): Promise<number> =>
      evaluation === undefined ? 0 : flowSeconds(editor.model, cut()[index], evaluation);
    const before = await evaluate();
    let modify = 0;
    for (const { modifier } of modifiers) {
      const current = cut()[index];
      const region = { name: current.name, nodes: current.nodes };
      const observations = modifier.observe?.(region, editor.model) ?? [];
      if (calibration !== undefined) {
        modify += await flowSeconds(editor.model, current, calibration, observations);
      }
      const started = performance.now();
      await modifier.rewrite?.(region, editor);
      modify += secondsSince(started);
    }
    if (calibration !== undefined && pipeline.kind === 'sequential' && !isLast) {
      modify += await flowSeconds(editor.model, cut()[index], calibration);
    }
    return { before, modify, after: modifiers.length === 0 ? before : await evaluate() };
  };

  let sum: TriedSeconds = { before: 0, modify: 0, after: 0 };
  const add = (one: TriedSeconds, times: number): void => {
    sum = {
      before: sum.before + times * one.before,
      modify: sum.modify + times * one.modify,
      after: sum.after + times * one.after,
    };
  };
  for (const members of kinds.values()) {
    const started = performance.now();
    let left = members.length;
    let last = await tryOne(members[0]);
    add(last, 1);
    left--;
    if (left > 0 && secondsSince(started) < leastTrial) {
      last = await tryOne(members[1]);
      add(last, 1);
      left--;
    }
    add(last, left);
  }
  return sum;
}
