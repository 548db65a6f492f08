import { maxUniformBits } from '@tamp/core';
import { z } from 'zod';

/** Options of the modifier in recipes. */
export interface DiffQSettings {
  readonly groupSize: number;
  readonly minSize: number;
  readonly exclude: readonly string[];
  readonly float16: boolean;
  readonly minBits: number;
  readonly maxBits: number;
  readonly initBits: number;
  readonly extraBits: number;
  readonly param: 'bits' | 'noise';
  readonly noise: 'gaussian' | 'uniform';
  readonly penalty?: number;
  readonly targetSize?: number;
  readonly learningRate: number;
  readonly checkUnused: boolean;
  readonly seed: number;
}

/** Their schema, strict. */
export const settingsSchema: z.ZodType<DiffQSettings> = z
  .strictObject({
    groupSize: z
      .int()
      .min(0)
      .default(8)
      .describe('Consecutive weights that share their bits; 0: a whole tensor; default 8'),
    minSize: z
      .number()
      .min(0)
      .default(0.01)
      .describe('MiB of float32; smaller parameters are not quantized; default 0.01'),
    exclude: z
      .array(z.string().min(1))
      .default([])
      .describe('Globs over parameter names (bias, 0.weight, encoder.*) that are not quantized'),
    float16: z.boolean().default(false).describe('Store what is not quantized as float16; default false'),
    minBits: z.int().min(1).max(maxUniformBits).default(2).describe('Fewest bits of a group; default 2'),
    maxBits: z.number().min(1).max(maxUniformBits).default(15).describe('Most bits of a group; default 15'),
    initBits: z
      .number()
      .min(1)
      .max(maxUniformBits)
      .default(8)
      .describe('Bits at the start, between the two; default 8'),
    extraBits: z.number().min(0).default(0).describe('Bits added after training; default 0'),
    param: z
      .enum(['bits', 'noise'])
      .default('bits')
      .describe('What a logit interpolates: bits (default) or the logarithm of the noise scale'),
    noise: z.enum(['gaussian', 'uniform']).default('gaussian').describe('Distribution of the noise'),
    penalty: z.number().min(0).optional().describe('Loss per MiB of model size; this or targetSize'),
    targetSize: z
      .number()
      .positive()
      .optional()
      .describe('Size to land on: below 1 a fraction of the float32 model, otherwise bytes; this or penalty'),
    learningRate: z
      .number()
      .positive()
      .default(1e-2)
      .describe('Learning rate of the bits (Adam); default 0.01'),
    checkUnused: z
      .boolean()
      .default(false)
      .describe('Leave the bits of parameters alone in steps that do not use them; default false'),
    seed: z.int().min(0).default(0).describe('Seed of the noise; default 0'),
  })
  .refine(({ penalty, targetSize }) => (penalty === undefined) !== (targetSize === undefined), {
    message: 'Give either penalty or targetSize: without one of them nothing makes the model smaller',
    path: ['penalty'],
  })
  .refine(({ minBits, initBits, maxBits }) => minBits < initBits && initBits < maxBits, {
    message: 'minBits < initBits < maxBits must hold',
    path: ['initBits'],
  });
