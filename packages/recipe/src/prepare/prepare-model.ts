import type { Model, TampError } from '@tamp/core';
import type { RecipeDocument } from '../document/recipe-document.js';
import { problemAt } from '../errors/locate-problem.js';
import type { OpenedModel, RecipeHost } from '../host.js';

/** A value of the recipe that is a path, as far as it is one. */
function pathAt(document: RecipeDocument, key: string): string | undefined {
  const path = document.at([key]);
  return typeof path === 'string' && path !== '' ? path : undefined;
}

/**
 * Opens a recipe's model, with the tokenizer that the recipe names in place of its own; adds what is wrong to
 * `problems` and then leaves nothing open.
 */
export async function openRecipeModel(
  document: RecipeDocument,
  host: RecipeHost,
  problems: TampError[],
): Promise<OpenedModel | undefined> {
  const path = pathAt(document, 'model');
  if (path === undefined) return undefined;
  let opened: OpenedModel;
  try {
    opened = await host.openModel(path);
  } catch (error) {
    problems.push(problemAt(error, document, ['model']));
    return undefined;
  }
  const tokenizerPath = pathAt(document, 'tokenizer');
  if (tokenizerPath === undefined) return opened;
  try {
    const tokenizer = await host.openTokenizer(tokenizerPath);
    const model: Model = { ...opened.model, assets: new Map([...opened.model.assets, ...tokenizer.assets]) };
    return {
      model,
      name: opened.name,
      async close() {
        await tokenizer.close();
        await opened.close();
      },
    };
  } catch (error) {
    problems.push(problemAt(error, document, ['tokenizer']));
    await opened.close();
    return undefined;
  }
}
