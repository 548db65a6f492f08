import { z } from 'zod';
import type { SchemeOptions } from './scheme-of-options.js';

/** Options of a scheme as a recipe gives them: everything may be left out. */
export type SchemeChanges = Partial<SchemeOptions>;

const bits = z.int().min(2).max(8).describe('Bits per weight, 2 to 8.');
const granularity = z
  .enum(['group', 'channel', 'tensor'])
  .optional()
  .describe(
    'What shares one scale. Default: group when a group size is given or below 8 bits, else channel.',
  );
const groupSize = z
  .int()
  .min(1)
  .optional()
  .describe("Weights of a row that share a scale; must divide the layer's input width. Default 128.");
const symmetric = z.boolean().describe('Without zero points.');

/** A group size says the granularity; another one beside it is a contradiction. */
function agrees(weights: SchemeChanges): boolean {
  return weights.groupSize === undefined || (weights.granularity ?? 'group') === 'group';
}
const contradiction = { message: 'groupSize goes with granularity group', path: ['groupSize'] };

/** Schema of the option `weights`, the same in every modifier that has it: strict, 4 bits where nothing is said. */
export const schemeOptionsSchema: z.ZodType<SchemeOptions, SchemeChanges> = z
  .strictObject({ bits: bits.default(4), granularity, groupSize, symmetric: symmetric.default(true) })
  .refine(agrees, contradiction);

/** Schema of what differs for some layers; it has no defaults. */
export const schemeChangesSchema: z.ZodType<SchemeChanges, SchemeChanges> = z
  .strictObject({ bits: bits.optional(), granularity, groupSize, symmetric: symmetric.optional() })
  .refine(agrees, contradiction);
