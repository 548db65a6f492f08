import { createModelRunner, type Graph, type Model, nextTask, TampError } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import { disposeBatch, type LabelledData, labelledBatch, sampleCount } from '../data/labelled-data.js';
import { forwardGraph, sampleShapes } from '../forward/forward-graph.js';
import { chooseLoss, countRight, type Loss, type LossName } from '../loss/loss.js';
import type { Quality } from '../report.js';

/** Options of {@link evaluateLabelled}. */
export interface EvaluateOptions {
  /** Default 'crossEntropy'. */
  readonly loss?: LossName | Loss;
  /** Default 256. */
  readonly batchSize?: number;
  readonly signal?: AbortSignal;
  /** Samples done, of how many. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Loss and accuracy of what `forward` gives for a batch's inputs. */
async function evaluateOutputs(
  graph: Graph,
  forward: (inputs: Readonly<Record<string, tf.Tensor>>) => tf.Tensor | Promise<tf.Tensor>,
  data: LabelledData,
  options: EvaluateOptions,
): Promise<Quality> {
  const { loss = 'crossEntropy', batchSize = 256, signal, onProgress } = options;
  const compute = chooseLoss(loss);
  const classifies = loss === 'crossEntropy';
  const total = sampleCount(data);
  const shapes = sampleShapes(graph);
  let lossSum = 0;
  let right = 0;
  for (let from = 0; from < total; from += batchSize) {
    signal?.throwIfAborted();
    const rows = Uint32Array.from({ length: Math.min(batchSize, total - from) }, (_, i) => from + i);
    const batch = labelledBatch(data, rows, shapes);
    const results: tf.Tensor[] = [];
    try {
      const output = await forward(batch.inputs);
      results.push(
        ...tf.tidy(() => [
          compute(output, batch.labels),
          ...(classifies ? [countRight(output, batch.labels)] : []),
        ]),
        output,
      );
      lossSum += (await results[0].data())[0] * rows.length;
      if (classifies) right += (await results[1].data())[0];
    } finally {
      disposeBatch(batch);
      tf.dispose(results);
    }
    onProgress?.(from + rows.length, total);
    await nextTask();
  }
  const mean = lossSum / total;
  if (!Number.isFinite(mean)) {
    throw new TampError(`the model's loss is ${mean}`, {
      code: 'data',
      remedy: 'Its weights hold NaN or infinity, or they overflow: lower the learning rate.',
    });
  }
  return { loss: mean, ...(classifies ? { accuracy: right / total } : {}) };
}

/** Loss and accuracy of a graph with the given parameters. */
export function evaluateGraph(
  graph: Graph,
  parameter: (name: string) => tf.Tensor,
  data: LabelledData,
  options: EvaluateOptions = {},
): Promise<Quality> {
  return evaluateOutputs(
    graph,
    (inputs) => tf.tidy(() => forwardGraph(graph, inputs, parameter)),
    data,
    options,
  );
}

/**
 * Loss and, for cross entropy, accuracy of a model's first output on labelled data. The model runs as it is stored,
 * quantized parameters packed. Frees every tensor it makes. Throws a `TampError` (`data`) for data that do
 * not fit and for a loss that is not finite; rejects with the signal's reason when aborted.
 */
export async function evaluateLabelled(
  model: Model,
  data: LabelledData,
  options: EvaluateOptions = {},
): Promise<Quality> {
  const runner = createModelRunner(model);
  const output = model.graph.nodes.find((node) => node.kind === 'output')?.name ?? '';
  try {
    return await evaluateOutputs(
      model.graph,
      async (inputs) => (await runner.run(inputs, { outputs: [output] }))[output],
      data,
      options,
    );
  } finally {
    runner.dispose();
  }
}

/** The tensor of a parameter. */
export function requireTensor(tensors: ReadonlyMap<string, tf.Tensor>, name: string): tf.Tensor {
  const tensor = tensors.get(name);
  if (tensor !== undefined) return tensor;
  throw new TampError(`the model lacks the parameter ${name}`, { code: 'format' });
}
