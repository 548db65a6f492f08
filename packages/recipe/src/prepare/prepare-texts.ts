import type { Model, TampError } from '@tamp/core';
import { checkWindows } from '../data/language-model.js';
import { cutWindows, type TextWindows } from '../data/text-windows.js';
import type { RecipeDocument, RecipePath } from '../document/recipe-document.js';
import { problemAt } from '../errors/locate-problem.js';
import type { RecipeHost, Tokenizer } from '../host.js';
import { defaultCalibrationSamples, type Recipe } from '../schema/recipe-schema.js';

/** A recipe's texts as windows of tokens, those that a run reads. */
export interface RecipeTexts {
  readonly calibration?: TextWindows;
  readonly evaluation?: TextWindows;
}

/** Which texts are wanted. */
export interface WantedTexts {
  readonly calibration: boolean;
  readonly evaluation: boolean;
}

/** Reads and tokenizes the texts once each; adds what is wrong to `problems`. */
export async function prepareTexts(
  recipe: Recipe,
  wanted: WantedTexts,
  model: Model,
  document: RecipeDocument,
  host: RecipeHost,
  problems: TampError[],
): Promise<RecipeTexts> {
  const calibration = wanted.calibration ? recipe.data.calibration : undefined;
  const evaluation = wanted.evaluation ? recipe.data.evaluation : undefined;
  if (calibration === undefined && evaluation === undefined) return {};

  let tokenizer: Tokenizer;
  try {
    tokenizer = await host.loadTokenizer(model);
  } catch (error) {
    problems.push(problemAt(error, document, [recipe.tokenizer === undefined ? 'model' : 'tokenizer']));
    return {};
  }

  const read = async (
    text: string,
    sequenceLength: number,
    amount: { readonly count?: number; readonly atMost?: number },
    path: RecipePath,
  ): Promise<TextWindows | undefined> => {
    try {
      const ids = tokenizer.encode(await host.readText(text));
      const windows = cutWindows(ids, { sequenceLength, file: text, ...amount });
      checkWindows(model, windows, text);
      return windows;
    } catch (error) {
      problems.push(problemAt(error, document, path));
      return undefined;
    }
  };

  const counted = (count: number | undefined, atMost?: number) =>
    count === undefined ? (atMost === undefined ? {} : { atMost }) : { count };
  const calibrationWindows =
    calibration &&
    (await read(
      calibration.text,
      calibration.sequenceLength,
      counted(calibration.samples, defaultCalibrationSamples),
      ['data', 'calibration', 'text'],
    ));
  const evaluationWindows =
    evaluation &&
    (await read(evaluation.text, evaluation.sequenceLength, counted(evaluation.windows), [
      'data',
      'evaluation',
      'text',
    ]));
  return {
    ...(calibrationWindows === undefined ? {} : { calibration: calibrationWindows }),
    ...(evaluationWindows === undefined ? {} : { evaluation: evaluationWindows }),
  };
}
