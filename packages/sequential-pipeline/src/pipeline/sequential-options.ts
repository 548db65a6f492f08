import type { CheckpointStore, PipelineOptions } from '@tamp/core';
import type * as tf from '@tensorflow/tfjs-core';
import type { ValueStorage } from '../cache/value-storage.js';
import type { TargetOptions } from '../targets/choose-targets.js';

/** What a sequential run is doing. */
export interface SequentialProgress {
  /** Subgraph at work, 1-based, of how many. */
  readonly subgraph: number;
  readonly subgraphs: number;
  /** Its name. */
  readonly name: string;
  /**
   * `calibrate`: batches flow while a modifier observes; `rewrite`: a modifier changes weights; `propagate`: batches
   * flow through the result to make the next subgraph's inputs.
   */
  readonly phase: 'calibrate' | 'rewrite' | 'propagate';
  /** The modifier at work; absent while propagating. */
  readonly modifier?: string;
  /** Batches done in this phase, of how many; 0 of 0 for a rewrite. */
  readonly done: number;
  readonly total: number;
}

/** Options of `runSequential`. */
export interface SequentialOptions extends PipelineOptions, TargetOptions {
  /** Target blocks that share a subgraph. Default 1. */
  readonly targetsPerSubgraph?: number;
  /**
   * Make each subgraph's outputs with its rewritten weights, so that later layers are calibrated on the error of
   * earlier ones. With false they come from the weights as they were. Default true.
   */
  readonly propagateError?: boolean;
  /**
   * Calibration batches that flow through a subgraph as one, for fewer and larger operations at the cost of memory.
   * Modifiers still observe each batch by itself, and where samples of a batch influence one another none are joined: the
   * values are the same wherever the backend computes a sample's values without regard to how many there are, as tamp's
   * do. Default 1.
   */
  readonly batchesTogether?: number;
  /** Values of inputs that a batch lacks, by name. They stay the caller's; the cache keeps each once for all batches. */
  readonly inputDefaults?: Readonly<Record<string, tf.Tensor>>;
  /** Where intermediate values live; the caller closes it. Default: memory. `diskStorage` is in this package's `./node`. */
  readonly storage?: ValueStorage;
  /**
   * Saves where the run stands after each subgraph, and goes on from what is saved there: the caller clears it to start
   * anew, and after the run. It must belong to the same model, modifiers, options and data. Not used when a modifier
   * has a `finish` hook and does not save its state. `checkpointFolder` is in `@tamp/core/node`.
   */
  readonly checkpoint?: CheckpointStore;
  readonly onProgress?: (progress: SequentialProgress) => void;
  /** Receives what is surprising about the blocks (`cutWarnings`) or slow about the backend. Default: the console. */
  readonly onWarning?: (message: string) => void;
}
