import { z } from 'zod';
import {
  type LabelledSource,
  labelledSourceSchema,
  type TrainingSettings,
  trainingSchema,
} from './training-schema.js';

/** Sequence length of a recipe that names none, in tokens. */
export const defaultSequenceLength = 256;

/** Most calibration windows of a recipe that says no number. */
export const defaultCalibrationSamples = 64;

/** Text that flows through the model while modifiers observe. */
export interface CalibrationData {
  /** Path of a text file. */
  readonly text: string;
  /** Windows to use, from the start of the text; absent: as many as there are, at most 64. */
  readonly samples?: number;
  /** Tokens of one window. */
  readonly sequenceLength: number;
}

/** Text that the model's perplexity is measured on. */
export interface EvaluationData {
  /** Path of a text file. */
  readonly text: string;
  /** Tokens of one window. */
  readonly sequenceLength: number;
  /** Windows to use, from the start of the text; absent: all. */
  readonly windows?: number;
}

/** How hard an archive is compressed: where it pays, never, or as small as it gets. */
export type Compression = 'auto' | 'store' | 'smallest';

/** One thing to write. */
export interface ExportTarget {
  /** Path; its ending names the format. */
  readonly to: string;
  readonly compression?: Compression;
}

/** What a run must keep; a run that misses one fails. */
export interface Gates {
  /** Largest rise of perplexity, as a fraction of the perplexity before. */
  readonly perplexityIncrease?: number;
  /** Largest drop of accuracy. Needs labelled data. */
  readonly accuracyDrop?: number;
  /** Most bytes of each exported model. */
  readonly maxBytes?: number;
}

/** How modifiers that observe are driven over the model. */
export interface PipelineSettings {
  /**
   * `sequential`: block by block, each calibrated on the error of those before it, memory holding one block's weights.
   * `basic`: the whole model at once, each modifier with a pass of its own.
   */
  readonly kind: 'sequential' | 'basic';
  /** Types, names, globs or `re:` of the blocks; default: the model's own repeated blocks. */
  readonly targets?: readonly string[];
  /** Blocks that get no turn of their own, by the same patterns. */
  readonly ignore?: readonly string[];
  readonly targetsPerSubgraph: number;
  /**
   * Calibration windows that go through a block at a time; `sequential` only; changes speed and memory, not results.
   * Default: about a thousand tokens.
   */
  readonly batchSize?: number;
  readonly propagateError: boolean;
  /** Where the values between two blocks live; on disk only where the host has one. */
  readonly intermediates: 'memory' | 'disk';
}

/** A modifier and its options, not validated yet. */
export interface ModifierUse {
  /** npm package. */
  readonly use: string;
  readonly options: Readonly<Record<string, unknown>>;
}

/** A recipe as its file says it, defaults filled in. Paths are relative to the recipe. */
export interface Recipe {
  /** Model folder or archive. */
  readonly model: string;
  /** Folder that holds the tokenizer, for models that come without one. */
  readonly tokenizer?: string;
  readonly data: {
    readonly calibration?: CalibrationData;
    readonly evaluation?: EvaluationData;
    /** Samples that modifiers are trained with. */
    readonly training?: LabelledSource;
    /** Samples that loss and accuracy are measured on: after each epoch, and before and after the run. */
    readonly validation?: LabelledSource;
  };
  readonly training?: TrainingSettings;
  readonly modifiers: readonly ModifierUse[];
  readonly pipeline: PipelineSettings;
  readonly export: readonly ExportTarget[];
  /** Paths of reports. */
  readonly report: readonly string[];
  readonly gates: Gates;
  readonly backend: { readonly threads?: number };
}

const path = z.string().min(1);
const sequenceLength = z
  .int()
  .min(2)
  .default(defaultSequenceLength)
  .describe('Tokens of one window; default 256');

const calibration = z
  .strictObject({
    text: path.describe('Text file, relative to the recipe'),
    samples: z
      .int()
      .min(1)
      .optional()
      .describe('Windows to use from the start of the text; default: all, at most 64'),
    sequenceLength,
  })
  .describe('Text that flows through the model while modifiers observe');

const evaluation = z
  .strictObject({
    text: path.describe('Text file, relative to the recipe'),
    sequenceLength,
    windows: z.int().min(1).optional().describe('Windows to use from the start of the text; default: all'),
  })
  .describe('Text that perplexity is measured on, before and after');

/** One entry of `modifiers`. Its other keys are the modifier's own options and are checked by its schema. */
const modifierEntrySchema: z.ZodType<Readonly<Record<string, unknown>> & { readonly use: string }> =
  z.looseObject({
    use: z.string().min(1).describe('npm package of the modifier, such as "@tamp/weight-only"'),
  });

const pipeline = z
  .strictObject({
    kind: z
      .enum(['sequential', 'basic'])
      .default('sequential')
      .describe(
        'sequential: block by block, each seeing the error of those before; basic: the whole model at once',
      ),
    targets: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .describe("Blocks by type, name, glob or re:; default: the model's own repeated blocks"),
    ignore: z
      .array(z.string().min(1))
      .optional()
      .describe('Blocks that get no turn of their own, by the same patterns'),
    targetsPerSubgraph: z.int().min(1).default(1).describe('Blocks that take their turn together'),
    batchSize: z
      .int()
      .min(1)
      .optional()
      .describe(
        'Calibration windows that go through a block at a time, default about 1000 tokens; changes speed and memory, not results',
      ),
    propagateError: z
      .boolean()
      .default(true)
      .describe('Calibrate each block on the rewritten blocks before it, not on the original ones'),
    intermediates: z
      .enum(['memory', 'disk'])
      .default('memory')
      .describe('Where the values between two blocks live'),
  })
  .describe('How modifiers that observe are driven over the model');

const exportTarget = z.strictObject({
  to: path.describe('File to write, relative to the recipe; .tamp.zip'),
  compression: z
    .enum(['auto', 'store', 'smallest'])
    .optional()
    .describe('auto (default): compress where it pays; store: never; smallest: whatever is smallest, slowly'),
});

const gates = z
  .strictObject({
    perplexityIncrease: z
      .number()
      .min(0)
      .optional()
      .describe('Largest rise of perplexity as a fraction of the one before: 0.02 is 2%'),
    accuracyDrop: z
      .number()
      .min(0)
      .max(1)
      .optional()
      .describe('Largest drop of accuracy; needs labelled data'),
    maxBytes: z.int().min(1).optional().describe('Most bytes of each exported model'),
  })
  .describe('What a run must keep; missing one is exit code 3');

const keys = {
  model: path.describe('Hugging Face folder or .tamp.zip, relative to the recipe'),
  tokenizer: path.optional().describe('Folder with tokenizer.json, for a model without one'),
  data: z
    .strictObject({
      calibration: calibration.optional(),
      evaluation: evaluation.optional(),
      training: labelledSourceSchema
        .optional()
        .describe('Labelled samples to train with, or to calibrate with where there is no calibration text'),
      validation: labelledSourceSchema
        .optional()
        .describe(
          'Labelled samples that loss and accuracy are measured on, before, after and while training',
        ),
    })
    .default({})
    .describe('Texts to calibrate and evaluate with, labelled samples to train with'),
  training: trainingSchema.optional(),
  modifiers: z.array(modifierEntrySchema).describe('What to do to the model, in this order'),
  pipeline: pipeline.prefault({}),
  export: z.array(exportTarget).default([]).describe('What to write'),
  report: z
    .union([path, z.array(path)])
    .default([])
    .describe('Path of a report: .html or .json, or a list of both'),
  gates: gates.default({}),
  backend: z
    .strictObject({
      threads: z.int().min(1).max(256).optional().describe('Threads to compute with; default: all cores'),
    })
    .default({})
    .describe('How to compute'),
};

/** Every key of a recipe. */
export const recipeKeys: readonly string[] = Object.keys(keys);

/** The recipe's own keys as they stand in the file. */
export const recipeSchema: z.ZodType<RecipeFile> = z.strictObject(keys);

/** What {@link recipeSchema} yields. */
export interface RecipeFile extends Omit<Recipe, 'modifiers' | 'report'> {
  readonly modifiers: readonly (Readonly<Record<string, unknown>> & { readonly use: string })[];
  readonly report: string | readonly string[];
}
