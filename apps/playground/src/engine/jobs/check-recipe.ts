import { planRecipe, prepareRecipe, RecipeError, type RecipeHost, type RecipePlan } from '@tamp/recipe';
import { failureOf, type Problem } from '../failure.js';

/** What recipes are called in messages. */
export const recipeName = 'recipe.yaml';

/** What is wrong with a recipe, or what it would do. */
export type CheckOutcome =
  | { readonly problems: readonly Problem[] }
  | { readonly problems: readonly []; readonly plan: RecipePlan };

/** Checks a recipe against a host's model, texts and modifiers. */
export async function checkRecipe(text: string, host: RecipeHost): Promise<CheckOutcome> {
  try {
    const prepared = await prepareRecipe(text, recipeName, host);
    try {
      return { problems: [], plan: planRecipe(prepared) };
    } finally {
      await prepared.close();
    }
  } catch (error) {
    if (error instanceof RecipeError) return { problems: failureOf(error).problems };
    throw error;
  }
}
