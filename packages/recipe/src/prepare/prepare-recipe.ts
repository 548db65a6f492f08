import { type Model, TampError } from '@tamp/core';
import { RecipeError } from '../errors/recipe-error.js';
import type { RecipeHost } from '../host.js';
import { readRecipe } from '../parse-recipe.js';
import type { Recipe } from '../schema/recipe-schema.js';
import { outputProblems } from './check-outputs.js';
import { checkPipeline } from './check-pipeline.js';
import { ignoreWarnings } from './ignore-warnings.js';
import { openRecipeModel } from './prepare-model.js';
import { type PlannedModifier, planModifiers, readyModifiers } from './prepare-modifiers.js';
import { type RecipeSamples, readSamples, trainingProblems } from './prepare-samples.js';
import { type RecipeTexts, readTexts, tokenizeTexts } from './prepare-texts.js';

/** A recipe that was checked against its modifiers, its model and its texts: ready for one run. */
export interface PreparedRecipe extends RecipeTexts, RecipeSamples {
  readonly recipe: Recipe;
  readonly model: Model;
  /** What the host calls the model. */
  readonly modelName: string;
  readonly modifiers: readonly PlannedModifier[];
  /** Windows that go through the model at a time while it is evaluated; default: up to 8, by the size of their logits. */
  readonly evaluationBatch?: number;
  /** Whether quality is measured before and after. */
  readonly evaluates: boolean;
  /** Whether the host it was prepared for has a disk for values between two blocks. */
  readonly hasScratch: boolean;
  /** What is surprising about the recipe, in sentences for people. */
  readonly warnings: readonly string[];
  /** Closes the model; call it when done, run or not. */
  close(): Promise<void>;
}

/** Options of {@link prepareRecipe}. */
export interface PrepareOptions {
  /** Read what quality is measured on. Default true. */
  readonly evaluate?: boolean;
}

/**
 * Reads a recipe and checks all of it before any work: its keys, that every modifier exists and accepts its options
 * and finds its targets in the model, that the texts are long enough, that what it writes can be written. `file` is
 * what errors call the recipe. Throws a {@link RecipeError} that lists everything found, each with line and column.
 */
export async function prepareRecipe(
  text: string,
  file: string,
  host: RecipeHost,
  options: PrepareOptions = {},
): Promise<PreparedRecipe> {
  const { evaluate = true } = options;
  const { document, recipe, problems: found } = readRecipe(text, file);
  const problems = [...found];
  const ready = await readyModifiers(document, host, problems);
  problems.push(...outputProblems(recipe, evaluate, document, host));
  problems.push(...trainingProblems(ready, document));

  const needsCalibration = ready.filter(({ modifier }) => modifier.needs === 'calibration');
  const calibratesOnText = document.at(['data', 'calibration']) !== undefined;
  if (!calibratesOnText && document.at(['data', 'training']) === undefined) {
    for (const { index, name } of needsCalibration) {
      problems.push(
        new TampError('it observes the model, and there is no calibration text', {
          code: 'usage',
          at: { ...document.locate(['modifiers', index, 'use']), modifier: name },
          remedy: 'Give data.calibration.',
        }),
      );
    }
  }

  const wanted = { calibration: needsCalibration.length > 0, evaluation: evaluate };
  const read = await readTexts(recipe, wanted, document, host, problems);
  const opened = await openRecipeModel(document, host, problems);
  try {
    if (opened !== undefined) {
      const { model } = opened;
      const calibratesBlocks = needsCalibration.length > 0 && calibratesOnText;
      if (calibratesBlocks) checkPipeline(recipe, model, document, host, problems);
      const modifiers = planModifiers(ready, model, document, problems);
      const texts = await tokenizeTexts(read, model, document, host, problems);
      const samples = await readSamples(recipe, wanted, model, document, host, problems);
      if (problems.length === 0) {
        const { close } = opened;
        return {
          recipe,
          model,
          modelName: opened.name,
          modifiers,
          evaluates: evaluate,
          hasScratch: host.openScratch !== undefined,
          warnings: ignoreWarnings(recipe, calibratesBlocks, model.graph, document),
          ...texts,
          ...samples,
          close: () => close(),
        };
      }
    }
    throw new RecipeError(problems);
  } catch (error) {
    await opened?.close();
    throw error;
  }
}
