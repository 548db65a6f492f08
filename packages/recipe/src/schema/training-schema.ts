import { z } from 'zod';

/** Labelled samples in a safetensors file. */
export interface LabelledSource {
  /** Path of a safetensors file. */
  readonly file: string;
  /** Name of the tensor with the samples, or one for each of the model's inputs. */
  readonly inputs: string | Readonly<Record<string, string>>;
  /** Name of the tensor with the labels. */
  readonly labels: string;
  /** Samples from the first up to the second, not included; absent: all. */
  readonly rows?: readonly [number, number];
  /** Factor on the inputs. */
  readonly scale: number;
}

/** An optimizer by its name and numbers. */
export type TrainingOptimizer =
  | {
      readonly kind: 'adam';
      readonly learningRate: number;
      readonly beta1?: number;
      readonly beta2?: number;
      readonly epsilon?: number;
    }
  | { readonly kind: 'sgd'; readonly learningRate: number; readonly momentum?: number }
  | { readonly kind: 'rmsprop'; readonly learningRate: number; readonly decay?: number };

/** How a model is trained. */
export interface TrainingSettings {
  readonly epochs: number;
  readonly batchSize: number;
  readonly loss: 'crossEntropy' | 'meanSquaredError';
  readonly optimizer: TrainingOptimizer;
  readonly schedule?:
    | { readonly kind: 'constant' }
    | { readonly kind: 'cosine'; readonly final?: number }
    | { readonly kind: 'step'; readonly epochs: number; readonly factor: number };
  readonly warmupSteps: number;
  readonly earlyStop?: {
    readonly metric?: 'loss' | 'validationLoss' | 'validationAccuracy';
    readonly patience: number;
    readonly minDelta?: number;
  };
  readonly seed: number;
  /** Path of a file that is written after each epoch, and gone on from when it is there. */
  readonly checkpoint?: string;
}

const name = z.string().min(1);
const learningRate = z.number().positive().describe('Learning rate of the model’s parameters');

/** Schema of {@link LabelledSource}. */
export const labelledSourceSchema: z.ZodType<LabelledSource> = z.strictObject({
  file: name.describe('safetensors file, relative to the recipe'),
  inputs: z
    .union([name, z.record(z.string(), name)])
    .describe('Tensor with the samples, or one for each input of the model'),
  labels: name.describe('Tensor with the labels: class numbers, or values'),
  rows: z
    .tuple([z.int().min(0), z.int().min(1)])
    .optional()
    .describe('Samples from the first up to the second, not included; default: all'),
  scale: z.number().default(1).describe('Factor on the inputs, such as 0.0625 for 0 … 16; default 1'),
});

/** Schema of {@link TrainingSettings}. */
export const trainingSchema: z.ZodType<TrainingSettings> = z
  .strictObject({
    epochs: z.int().min(1).describe('Times that all samples are seen'),
    batchSize: z.int().min(1).default(64).describe('Samples of one step; default 64'),
    loss: z
      .enum(['crossEntropy', 'meanSquaredError'])
      .default('crossEntropy')
      .describe('crossEntropy (default): logits and class numbers; meanSquaredError: values'),
    optimizer: z
      .discriminatedUnion('kind', [
        z.strictObject({
          kind: z.literal('adam'),
          learningRate,
          beta1: z.number().min(0).lt(1).optional().describe('Default 0.9'),
          beta2: z.number().min(0).lt(1).optional().describe('Default 0.999'),
          epsilon: z.number().positive().optional().describe('Default 1e-8'),
        }),
        z.strictObject({
          kind: z.literal('sgd'),
          learningRate,
          momentum: z.number().min(0).lt(1).optional().describe('Default: none'),
        }),
        z.strictObject({
          kind: z.literal('rmsprop'),
          learningRate,
          decay: z.number().min(0).lt(1).optional().describe('Default 0.9'),
        }),
      ])
      .default({ kind: 'adam', learningRate: 1e-3 })
      .describe('Default: { kind: adam, learningRate: 0.001 }'),
    schedule: z
      .discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('constant') }),
        z.strictObject({
          kind: z.literal('cosine'),
          final: z.number().min(0).optional().describe('Factor at the end; default 0'),
        }),
        z.strictObject({
          kind: z.literal('step'),
          epochs: z.int().min(1).describe('Epochs between two steps'),
          factor: z.number().positive().describe('Factor of each step'),
        }),
      ])
      .optional()
      .describe('How the learning rate changes; default constant'),
    warmupSteps: z.int().min(0).default(0).describe('Steps in which the learning rate rises; default 0'),
    earlyStop: z
      .strictObject({
        metric: z
          .enum(['loss', 'validationLoss', 'validationAccuracy'])
          .optional()
          .describe('What must get better; default validationLoss'),
        patience: z.int().min(0).describe('Epochs without a better one that are waited for'),
        minDelta: z.number().min(0).optional().describe('What counts as better; default 0'),
      })
      .optional()
      .describe('When to stop before the last epoch'),
    seed: z.int().min(0).default(0).describe('Seed of the order of samples; default 0'),
    checkpoint: name
      .optional()
      .describe('File written after each epoch (.safetensors), and gone on from when it is there'),
  })
  .describe('How modifiers that learn are trained; needs data.training');
