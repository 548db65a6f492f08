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

/** A text that was read, and how it is to be cut. */
interface ReadText {
  readonly kind: keyof RecipeTexts;
  readonly file: string;
  readonly path: RecipePath;
  readonly content: string;
  readonly sequenceLength: number;
  readonly count: number | undefined;
  readonly atMost?: number;
}

/** Reads the wanted texts of a recipe; adds what is wrong to `problems`. */
export async function readTexts(
  recipe: Recipe,
  wanted: WantedTexts,
  document: RecipeDocument,
  host: RecipeHost,
  problems: TampError[],
): Promise<readonly ReadText[]> {
  const { calibration, evaluation } = recipe.data;
  const sources: Omit<ReadText, 'content' | 'path'>[] = [];
  if (wanted.calibration && calibration !== undefined) {
    const { text: file, sequenceLength, samples: count } = calibration;
    sources.push({ kind: 'calibration', file, sequenceLength, count, atMost: defaultCalibrationSamples });
  }
  if (wanted.evaluation && evaluation !== undefined) {
    const { text: file, sequenceLength, windows: count } = evaluation;
    sources.push({ kind: 'evaluation', file, sequenceLength, count });
  }
  const texts: ReadText[] = [];
  for (const source of sources) {
    const path: RecipePath = ['data', source.kind, 'text'];
    try {
      texts.push({ ...source, path, content: await host.readText(source.file) });
    } catch (error) {
      problems.push(problemAt(error, document, path));
    }
  }
  return texts;
}

/** Tokenizes texts once each and cuts them into windows; adds what is wrong to `problems`. */
export async function tokenizeTexts(
  texts: readonly ReadText[],
  model: Model,
  document: RecipeDocument,
  host: RecipeHost,
  problems: TampError[],
): Promise<RecipeTexts> {
  if (texts.length === 0) return {};
  let tokenizer: Tokenizer;
  try {
    tokenizer = await host.loadTokenizer(model);
  } catch (error) {
    problems.push(
      problemAt(error, document, [document.at(['tokenizer']) === undefined ? 'model' : 'tokenizer']),
    );
    return {};
  }
  const windows: { calibration?: TextWindows; evaluation?: TextWindows } = {};
  for (const { kind, path, content, sequenceLength, count, atMost, file } of texts) {
    try {
      windows[kind] = cutWindows(tokenizer.encode(content), { sequenceLength, count, atMost, file });
      checkWindows(model, windows[kind], file);
    } catch (error) {
      problems.push(problemAt(error, document, path));
    }
  }
  return windows;
}
