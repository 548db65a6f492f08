import { lintGraph, type Model, type Observation, operators, TampError } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import type { Subgraph } from '../partition/subgraph.js';

/** Several batches as one, sample after sample. */
export interface JoinedBatches {
  readonly inputs: Readonly<Record<string, tf.Tensor>>;
  /** Samples of each batch, in order. */
  readonly samples: readonly number[];
}

/**
 * Whether batches may flow through a subgraph as one, to the same values: every value that enters, leaves or is observed
 * has a free first dimension, the samples, and no operator lets one sample influence another.
 */
export function canJoin(model: Model, subgraph: Subgraph, observations: readonly Observation[]): boolean {
  const types = lintGraph(model.graph);
  const seen = [...subgraph.inputs, ...subgraph.outputs, ...observations.map(({ node }) => node)];
  return (
    seen.every((name) => types.get(name)?.shape[0] === null) &&
    subgraph.graph.nodes.every(
      (node) =>
        node.kind !== 'operator' || operators.get(node.operator).mixesSamples?.(node.attributes) !== true,
    )
  );
}

/**
 * The inputs of several batches as one, the caller's to dispose of; undefined where inputs of one batch differ in their
 * number of rows, such as one row that all samples share.
 */
export function joinBatches(
  batches: readonly Readonly<Record<string, tf.Tensor>>[],
): JoinedBatches | undefined {
  const samples: number[] = [];
  for (const batch of batches) {
    const rows = new Set(Object.values(batch).map(({ shape }) => shape[0]));
    if (rows.size !== 1) return undefined;
    samples.push(...rows);
  }
  const names = Object.keys(batches[0]);
  const inputs = Object.fromEntries(names.map((name) => [name, tf.concat(batches.map((b) => b[name]))]));
  return { inputs, samples };
}

/** The part of a joined value that belongs to each batch, the caller's to dispose of. */
export function splitValue(value: tf.Tensor, samples: readonly number[]): tf.Tensor[] {
  const all = samples.reduce((sum, count) => sum + count, 0);
  const rows = value.shape[0] / all;
  if (!Number.isInteger(rows)) {
    throw new TampError(`${value.shape[0]} rows are not those of ${all} samples`, { code: 'internal' });
  }
  return tf.split(
    value,
    samples.map((count) => count * rows),
  );
}
