import { type Graph, type InputNode, TampError } from '@tamp/core';
import type * as tf from '@tensorflow/tfjs-core';

/** Shapes of the first batch's inputs, by name. */
export type BatchShapes = ReadonlyMap<string, readonly number[]>;

function dataError(problem: string, remedy: string): TampError {
  return new TampError(problem, { code: 'data', remedy });
}

async function checkValues(values: tf.Tensor, batch: number, input: string): Promise<void> {
  if (values.dtype !== 'float32') return;
  const numbers = await values.data();
  const bad = numbers.findIndex((value) => !Number.isFinite(value));
  if (bad === -1) return;
  throw dataError(
    `calibration batch ${batch + 1} holds ${numbers[bad]} at position ${bad} of ${input}`,
    'Take out samples with NaN or infinite values, or repair them.',
  );
}

function checkShape(
  node: InputNode,
  shape: readonly number[],
  batch: number,
  first: readonly number[] | undefined,
): void {
  const fits =
    shape.length === node.type.shape.length &&
    shape.every((size, i) => size > 0 && (node.type.shape[i] ?? size) === size);
  if (!fits) {
    const expected = node.type.shape.map((size) => size ?? 'any').join(', ');
    throw dataError(
      `calibration batch ${batch + 1} feeds ${node.name} with shape [${shape.join(', ')}], not [${expected}]`,
      'Prepare every sample as the model expects it.',
    );
  }
  // Only the number of samples may differ: the last batch is often a smaller one.
  if (first === undefined || shape.slice(1).join() === first.slice(1).join()) return;
  throw dataError(
    `calibration batch ${batch + 1} has ${node.name} of shape [${shape.join(', ')}], the first one [${first.join(', ')}]`,
    'Cut all calibration windows to one length, and leave out a last one that is shorter.',
  );
}

/**
 * Checks one calibration batch against the model's inputs and the first batch; gives the shapes for the next checks.
 * Rejects with a `TampError` (`data`) that names the batch for a missing input, another shape, NaN and infinities.
 */
export async function checkBatch(
  graph: Graph,
  inputs: Readonly<Record<string, tf.Tensor>>,
  batch: number,
  first: BatchShapes | undefined,
): Promise<BatchShapes> {
  const shapes = new Map<string, readonly number[]>();
  for (const node of graph.nodes) {
    if (node.kind !== 'input') continue;
    const values = inputs[node.name];
    if (values === undefined) {
      throw dataError(
        `calibration batch ${batch + 1} lacks the input ${node.name}`,
        'Feed every input by name.',
      );
    }
    checkShape(node, values.shape, batch, first?.get(node.name));
    await checkValues(values, batch, node.name);
    shapes.set(node.name, values.shape);
  }
  return shapes;
}
