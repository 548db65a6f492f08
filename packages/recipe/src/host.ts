import type { CheckpointStore, Model, ModifierDefinition, ParameterSink, ParameterStore } from '@tamp/core';
import type { ValueStorage } from '@tamp/sequential-pipeline';
import type { ExportTarget } from './schema/recipe-schema.js';
import type { NamedTensorData, TensorData } from './tensor-data.js';

/** Text to tokens and back. */
export interface Tokenizer {
  /** Token ids of a text, without added tokens such as a beginning of sequence. */
  encode(text: string): Int32Array;
  /** Number of different token ids. */
  readonly vocabularySize: number;
}

/** A model whose parameters are read when needed. */
export interface OpenedModel {
  readonly model: Model;
  /** What to call it in results: an absolute path, a URL, a name. */
  readonly name: string;
  close(): Promise<void>;
}

/** A tokenizer's files, by the names they have beside a model. */
export interface OpenedTokenizer {
  readonly assets: Model['assets'];
  close(): Promise<void>;
}

/** A file that a run wrote. */
export interface Artifact {
  readonly path: string;
  readonly bytes: number;
}

/** What was written, but is not yet to be seen under its final name. Call exactly one of the two. */
export interface StagedExport {
  /** The files, under the names they will have. */
  readonly artifacts: readonly Artifact[];
  /** Gives the files their final names. */
  commit(): Promise<void>;
  /** Removes what was written. */
  discard(): Promise<void>;
}

/** An export that is written while its model is made. Call exactly one of `stage` and `discard`. */
export interface GrowingExport extends ParameterSink {
  /** Writes the rest of the model, to be committed or discarded later. Leaves nothing behind when it rejects. */
  stage(model: Model, options: ExportOptions): Promise<StagedExport>;
  /** Removes what was written. */
  discard(): Promise<void>;
}

/** A training's state as a file holds it. */
export interface CheckpointFile {
  readonly tensors: readonly NamedTensorData[];
  /** Everything that is no tensor, as text. */
  readonly description: string;
}

/** Options of {@link RecipeHost.stageExport}. */
export interface ExportOptions {
  readonly signal?: AbortSignal;
  /** Bytes of parameters written so far, of how many. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * The world that recipes are run in: files, packages and formats. Paths come as the recipe writes them; the host
 * resolves them from the recipe's folder. Everything rejects with a `TampError` that says what is wrong and what to do.
 */
export interface RecipeHost {
  /** The default export of the package that `use` names, known to be a modifier of this copy of @tamp/core. */
  resolveModifier(use: string): Promise<ModifierDefinition>;
  /** Opens a model by its path; reads its description, not its parameters. */
  openModel(path: string): Promise<OpenedModel>;
  /** Opens the tokenizer in a folder, for a model that comes without one; it then travels with the model. */
  openTokenizer(path: string): Promise<OpenedTokenizer>;
  /** The tokenizer that travels with a model. */
  loadTokenizer(model: Model): Promise<Tokenizer>;
  /** A whole text file as UTF-8. */
  readText(path: string): Promise<string>;
  /** Tensors of a safetensors file by name, whole. Rejects for a name it lacks and a dtype that holds no samples. */
  readTensors(path: string, names: readonly string[]): Promise<ReadonlyMap<string, TensorData>>;
  /** The tensors and the text of a checkpoint file, or undefined when there is none. */
  readCheckpoint(path: string): Promise<CheckpointFile | undefined>;
  /** Writes a checkpoint file in place of the one there is, which stays until the new one is complete. */
  writeCheckpoint(path: string, checkpoint: CheckpointFile): Promise<void>;
  /** Checks before any work that a format for the target's name exists. */
  checkExport(target: ExportTarget): void;
  /** Checks before any work that a report of that name can be written. */
  checkReport(path: string): void;
  /** Writes a model, to be committed or discarded later. Leaves nothing behind when it rejects. */
  stageExport(model: Model, target: ExportTarget, options: ExportOptions): Promise<StagedExport>;
  /**
   * Begins an export of a model of about `expectedBytes` to which finished parameters are written at once, and from
   * which they are then read; absent where exports are written only as a whole.
   */
  beginExport?(target: ExportTarget, expectedBytes: number): Promise<GrowingExport>;
  /** Opens a place on disk for intermediate values, which closing it removes; absent where there is no disk. */
  openScratch?(): Promise<ValueStorage>;
  /**
   * A place that keeps where a run stands, for runs that calibrate part by part; absent where nothing can be kept.
   * `key` tells runs apart: it is the same for a recipe, model and data that are the same. Rejects with a `TampError`
   * (`io`) where nothing can be kept this time: the run then goes without, and says so.
   */
  openCheckpoint?(key: string): Promise<CheckpointStore>;
  /** Opens a place on disk for rewritten parameters of a large model; absent where there is no disk. */
  openParameterStore?(): Promise<ParameterStore>;
  /** Most memory this process held so far, in bytes; `null` where it cannot be known. */
  peakMemoryBytes(): number | null;
}
