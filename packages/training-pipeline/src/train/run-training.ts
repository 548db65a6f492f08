// tfjs-core alone has no gradients; tfjs-layers registers those of all its operations.
import '@tensorflow/tfjs-layers';
import {
  callHook,
  createModelEditor,
  denseStorage,
  type Graph,
  type LayerReport,
  type Model,
  type NamedModifier,
  nextTask,
  Random,
  TampError,
  type TrainingHooks,
} from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import type { TrainingCheckpoint } from '../checkpoint/checkpoint.js';
import { disposeBatch, labelledBatch, sampleCount } from '../data/labelled-data.js';
import { evaluateGraph, requireTensor } from '../evaluate/evaluate-labelled.js';
import { forwardGraph, outputShape, sampleShapes } from '../forward/forward-graph.js';
import { checkClasses, chooseLoss } from '../loss/loss.js';
import { createOptimizer, disposeOptimizer, setLearningRate } from '../optimizer/optimizer.js';
import { restoreOptimizer, saveOptimizer } from '../optimizer/optimizer-state.js';
import type { EpochReport, Quality } from '../report.js';
import { checkLearningRate, learningRateFactor } from '../schedule/learning-rate.js';
import { shouldStop } from './better.js';
import type { TrainingOptions } from './training-options.js';
import {
  namedVariables,
  parameterVariables,
  restoreVariables,
  saveVariables,
  usedParameters,
} from './training-state.js';

/** A trained model. */
export interface TrainingResult {
  readonly model: Model;
  readonly layers: readonly LayerReport[];
  readonly history: readonly EpochReport[];
  /** Whether training stopped before its last epoch. */
  readonly stoppedEarly: boolean;
}

interface HookedModifier {
  readonly name: string;
  readonly hooks: TrainingHooks;
}

/** What a step's loss was; whoever gets it disposes of it. */
interface StepLosses {
  readonly task: tf.Scalar;
  readonly penalty: tf.Scalar | null;
}

/** Longest time without giving other tasks a turn, in milliseconds. */
const turn = 50;

function checkCount(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 1) return;
  throw new TampError(`${name} ${value} is not possible`, {
    code: 'usage',
    remedy: 'Give a whole number from 1.',
  });
}

/**
 * Trains a model over labelled batches and lets modifiers take part: in each step they may replace what a parameter
 * reads as, add to the loss, and train variables of their own; after the last step their `rewrite` and `finish` put
 * the model into its final form. The same seed, data and backend give the same result to the bit, also across a
 * checkpoint. Frees every tensor it makes. Rejects with a `TampError`, or with the signal's reason when aborted.
 */
export async function runTraining(
  model: Model,
  modifiers: readonly NamedModifier[],
  options: TrainingOptions,
): Promise<TrainingResult> {
  const { epochs, batchSize = 64, learningRate = {} } = options;
  checkCount('epochs', epochs);
  checkCount('batchSize', batchSize);
  checkLearningRate(learningRate);
  sampleCount(options.data);
  if (options.validation !== undefined) sampleCount(options.validation);
  checkLabels(model.graph, options);
  const variables = await parameterVariables(usedParameters(model));
  const optimizers: tf.Optimizer[] = [];
  try {
    const hooked: HookedModifier[] = [];
    for (const { name, modifier } of modifiers) {
      const hooks = await callHook(name, () => modifier.train?.(model, variables));
      if (hooks !== undefined) hooked.push({ name, hooks });
    }
    const { history, stoppedEarly } = await train(model, variables, hooked, optimizers, options);
    return { ...(await finish(model, variables, modifiers, options)), history, stoppedEarly };
  } finally {
    for (const optimizer of optimizers) disposeOptimizer(optimizer);
    for (const { modifier } of modifiers) modifier.endTraining?.();
    for (const variable of variables.values()) variable.dispose();
  }
}

/** The optimizer of the model's parameters, then one for each learning rate of the modifiers' variables. */
function createOptimizers(
  hooked: readonly HookedModifier[],
  options: TrainingOptions,
  optimizers: tf.Optimizer[],
): readonly (readonly tf.Variable[])[] {
  optimizers.push(createOptimizer(options.optimizer ?? { kind: 'adam', learningRate: 1e-3 }));
  const groups = new Map<number, tf.Variable[]>();
  for (const { hooks } of hooked) {
    for (const { variable, learningRate } of hooks.variables) {
      groups.set(learningRate, [...(groups.get(learningRate) ?? []), variable]);
    }
  }
  for (const learningRate of groups.keys()) optimizers.push(createOptimizer({ kind: 'adam', learningRate }));
  return [...groups.values()];
}

/** Checks class numbers against the model's first output. */
function checkLabels(graph: Graph, { data, validation, loss = 'crossEntropy' }: TrainingOptions): void {
  const classes = outputShape(graph).at(-1) ?? null;
  if (loss !== 'crossEntropy' || classes === null) return;
  for (const labelled of [data, validation]) {
    if (labelled?.labels.shape.length === 1) checkClasses(labelled.labels.values, classes);
  }
}

async function train(
  model: Model,
  variables: ReadonlyMap<string, tf.Variable>,
  hooked: readonly HookedModifier[],
  optimizers: tf.Optimizer[],
  options: TrainingOptions,
): Promise<{ readonly history: readonly EpochReport[]; readonly stoppedEarly: boolean }> {
  const { data, epochs, batchSize = 64, seed = 0, learningRate = {}, earlyStop, signal, resume } = options;
  const compute = chooseLoss(options.loss ?? 'crossEntropy');
  const groups = createOptimizers(hooked, options, optimizers);
  const own = [...variables.values()];
  const trained = namedVariables(hooked.map(({ name, hooks }) => ({ name, variables: hooks.variables })));
  const baseRate = options.optimizer?.learningRate ?? 1e-3;
  const shapes = sampleShapes(model.graph);
  const samples = sampleCount(data);
  const stepsPerEpoch = Math.ceil(samples / batchSize);
  const total = epochs * stepsPerEpoch;
  const random = new Random(seed);
  const history: EpochReport[] = [];
  let epoch = 0;
  let step = 0;

  if (resume !== undefined) {
    await takeUp(resume, variables, trained, optimizers, hooked);
    history.push(...resume.history);
    ({ epoch, step } = resume);
  }

  const takeStep = async (rows: Uint32Array): Promise<StepLosses> => {
    const batch = labelledBatch(data, rows, shapes);
    const losses: tf.Scalar[] = [];
    let grads: tf.NamedTensorMap = {};
    const forward = (): tf.Scalar => {
      const values = new Map<string, tf.Tensor>();
      for (const [name, variable] of variables) {
        values.set(
          name,
          hooked.reduce<tf.Tensor>((value, { hooks }) => hooks.parameterValue(name, value, step), variable),
        );
      }
      const output = forwardGraph(model.graph, batch.inputs, (name) => requireTensor(values, name));
      const loss = compute(output, batch.labels);
      losses.push(tf.keep(loss.clone()));
      const penalties = hooked.flatMap(({ hooks }) => hooks.penalty() ?? []);
      if (penalties.length === 0) return loss;
      const sum = penalties.reduce((a, b) => tf.add<tf.Scalar>(a, b));
      losses.push(tf.keep(sum.clone()));
      return tf.add<tf.Scalar>(loss, sum);
    };
    try {
      const result = tf.variableGrads(forward, [...own, ...trained.map(([, variable]) => variable)]);
      grads = result.grads;
      result.value.dispose();
      for (const { hooks } of hooked) hooks.adjustGradients?.(grads);
      setLearningRate(optimizers[0], baseRate * learningRateFactor(learningRate, step, total, stepsPerEpoch));
      [own, ...groups].forEach((list, i) => {
        optimizers[i].applyGradients(list.map(({ name }) => ({ name, tensor: grads[name] })));
      });
      for (const { hooks } of hooked) await hooks.afterStep?.();
      const [task, penalty = null] = losses;
      return { task, penalty };
    } catch (error) {
      tf.dispose(losses);
      throw error;
    } finally {
      tf.dispose(grads);
      disposeBatch(batch);
    }
  };

  const runEpoch = async (): Promise<{ readonly loss: number; readonly penalty: number }> => {
    const order = random.fork(epoch).permutation(samples);
    const losses: StepLosses[] = [];
    let turnEnds = performance.now() + turn;
    try {
      for (let from = 0; from < samples; from += batchSize) {
        signal?.throwIfAborted();
        losses.push(await takeStep(order.subarray(from, Math.min(samples, from + batchSize))));
        step++;
        options.onStep?.(step, total);
        if (performance.now() > turnEnds) {
          await nextTask();
          turnEnds = performance.now() + turn;
        }
      }
      let loss = 0;
      let penalty = 0;
      for (const { task, penalty: extra } of losses) {
        loss += (await task.data())[0] / losses.length;
        if (extra !== null) penalty += (await extra.data())[0] / losses.length;
      }
      return { loss, penalty };
    } finally {
      for (const { task, penalty } of losses) {
        task.dispose();
        penalty?.dispose();
      }
    }
  };

  let stoppedEarly = earlyStop !== undefined && shouldStop(history, earlyStop);
  while (epoch < epochs && !stoppedEarly) {
    const { loss, penalty } = await runEpoch();
    epoch++;
    if (!Number.isFinite(loss)) {
      throw new TampError(`the loss became ${loss} in epoch ${epoch}`, {
        code: 'data',
        remedy: 'Lower the learning rate.',
      });
    }
    const figures: Record<string, number> = {};
    for (const { hooks } of hooked) Object.assign(figures, await hooks.figures?.());
    const validation = await validate(model, variables, hooked, options);
    const report = { epoch, loss, penalty, ...(validation === null ? {} : { validation }), figures };
    history.push(report);
    options.onEpoch?.(report);
    await options.onCheckpoint?.({
      format: 'tamp-training',
      version: 1,
      epoch,
      step,
      parameters: await saveVariables(variables),
      trained: await saveVariables(trained),
      optimizers: await Promise.all(optimizers.map(saveOptimizer)),
      hooks: hooked.map(({ hooks }) => hooks.save?.() ?? {}),
      history: [...history],
    });
    stoppedEarly = earlyStop !== undefined && epoch < epochs && shouldStop(history, earlyStop);
  }
  return { history, stoppedEarly };
}

/** Goes on from a checkpoint. */
async function takeUp(
  checkpoint: TrainingCheckpoint,
  variables: ReadonlyMap<string, tf.Variable>,
  trained: readonly (readonly [string, tf.Variable])[],
  optimizers: readonly tf.Optimizer[],
  hooked: readonly HookedModifier[],
): Promise<void> {
  const { format, version, parameters, hooks } = checkpoint;
  const fits = checkpoint.optimizers.length === optimizers.length && hooks.length === hooked.length;
  if (format !== 'tamp-training' || version !== 1 || !fits) {
    throw new TampError('this is no checkpoint of a training with these options', {
      code: 'format',
      remedy: 'Resume with the recipe that the checkpoint was made by.',
    });
  }
  restoreVariables(variables, parameters);
  restoreVariables(trained, checkpoint.trained);
  for (const [i, optimizer] of optimizers.entries())
    await restoreOptimizer(optimizer, checkpoint.optimizers[i]);
  hooked.forEach((modifier, i) => {
    modifier.hooks.restore?.(hooks[i]);
  });
}

/** Quality on the validation data, with parameters as the finished model will have them. */
async function validate(
  model: Model,
  variables: ReadonlyMap<string, tf.Variable>,
  hooked: readonly HookedModifier[],
  options: TrainingOptions,
): Promise<Quality | null> {
  const { validation, loss, signal } = options;
  if (validation === undefined) return null;
  const tensors = new Map<string, tf.Tensor>();
  try {
    for (const [name, variable] of variables) {
      let values = Float32Array.from(await variable.data());
      for (const { hooks } of hooked) {
        if (hooks.evaluationValues !== undefined) {
          values = Float32Array.from(await hooks.evaluationValues(name, values));
        }
      }
      tensors.set(name, tf.tensor(values, variable.shape));
    }
    return await evaluateGraph(model.graph, (name) => requireTensor(tensors, name), validation, {
      ...(loss === undefined ? {} : { loss }),
      ...(signal === undefined ? {} : { signal }),
    });
  } finally {
    for (const tensor of tensors.values()) tensor.dispose();
  }
}

/** The model with its trained parameters, in the form the modifiers give it. */
async function finish(
  model: Model,
  variables: ReadonlyMap<string, tf.Variable>,
  modifiers: readonly NamedModifier[],
  options: TrainingOptions,
): Promise<{ readonly model: Model; readonly layers: readonly LayerReport[] }> {
  const layers: LayerReport[] = [];
  const editor = createModelEditor(model, {
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    onReport(entry) {
      layers.push(entry);
      options.onLayer?.(entry);
    },
  });
  for (const [name, variable] of variables) {
    const values = Float32Array.from(await variable.data());
    editor.setParameter({ name, shape: [...variable.shape], storage: denseStorage(values) });
  }
  for (const { name, modifier } of modifiers) {
    const nodes = new Set(editor.model.graph.nodes.map((node) => node.name));
    await callHook(name, async () => {
      await modifier.rewrite?.({ name: 'model', nodes }, editor);
      await modifier.finish?.(editor);
    });
  }
  return { model: editor.model, layers };
}
