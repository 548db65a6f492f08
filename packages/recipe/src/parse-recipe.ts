import { TampError } from '@tamp/core';
import type { z } from 'zod';
import { type RecipeDocument, readRecipeDocument } from './document/recipe-document.js';
import { RecipeError } from './errors/recipe-error.js';
import { jsonSchemaOf } from './schema/known-keys.js';
import { type Recipe, type RecipeFile, recipeKeys, recipeSchema } from './schema/recipe-schema.js';
import { schemaProblems } from './schema/schema-problems.js';

/** A recipe and the text it was read from. */
export interface ParsedRecipe {
  readonly recipe: Recipe;
  readonly document: RecipeDocument;
}

/** What could be read of a recipe, and what is wrong with its own keys. */
export interface RecipeReading {
  readonly document: RecipeDocument;
  /** Top-level keys in error are left out, so that the others can be checked further; see `problems`. */
  readonly recipe: Recipe;
  readonly problems: readonly TampError[];
}

function withEntries(file: RecipeFile): Recipe {
  const { modifiers, report, ...rest } = file;
  return {
    ...rest,
    modifiers: modifiers.map(({ use, ...options }) => ({ use, options })),
    report: typeof report === 'string' ? [report] : report,
  };
}

/** A recipe without the top-level keys that issues are about; the ones that it must have are empty then. */
function withoutErrors(document: RecipeDocument, issues: readonly z.core.$ZodIssue[]): Recipe {
  const wrong = new Set(issues.map(({ path }) => path[0]));
  const { value } = document;
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  const sound = entries.filter(([key]) => recipeKeys.includes(key) && !wrong.has(key));
  return withEntries(recipeSchema.parse({ model: '-', modifiers: [], ...Object.fromEntries(sound) }));
}

/**
 * Reads a recipe's text and checks its own keys. `file` is what errors call it. Throws a {@link RecipeError} when the
 * text is no YAML or nothing at all; anything else that is wrong is returned, so that more can be looked for.
 */
export function readRecipe(text: string, file: string): RecipeReading {
  const document = readRecipeDocument(text, file);
  if (document.value === null || document.value === undefined) {
    throw new RecipeError([
      new TampError('the recipe is empty', {
        code: 'usage',
        at: { file, line: 1, column: 1 },
        remedy: 'Give at least model and modifiers; tamp init writes an example.',
      }),
    ]);
  }
  const parsed = recipeSchema.safeParse(document.value);
  if (parsed.success) return { document, recipe: withEntries(parsed.data), problems: [] };
  const context = { document, base: [], schema: jsonSchemaOf(recipeSchema) };
  return {
    document,
    recipe: withoutErrors(document, parsed.error.issues),
    problems: schemaProblems(parsed.error.issues, context),
  };
}

/**
 * Reads a recipe's text and checks its own keys; what depends on the modifiers and the model is checked by
 * `prepareRecipe`. `file` is what errors call it. Throws a {@link RecipeError} that lists everything found.
 */
export function parseRecipe(text: string, file: string): ParsedRecipe {
  const { document, recipe, problems } = readRecipe(text, file);
  if (problems.length > 0) throw new RecipeError(problems);
  return { recipe, document };
}
