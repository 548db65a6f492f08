import { shippedRecipes } from 'virtual:shipped-recipes';
import { effect, type Signal, signal } from '@preact/signals';
import type { JsonSchema, RecipePlan } from '@tamp/recipe';
import type { Problem } from '../engine/failure.js';
import { engineOf, engineWith } from './engines.js';
import { problemsOf } from './problems-of.js';
import { workspace } from './workspace.js';

/** What is known of the recipe as it stands. */
export type RecipeCheck =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'wrong'; readonly problems: readonly Problem[] }
  | { readonly kind: 'right'; readonly plan: RecipePlan };

/** The recipe's text. */
export const recipeText: Signal<string> = signal(shippedRecipes[0]?.text ?? '');

/** Whether the recipe can be run on the open model. */
export const recipeCheck: Signal<RecipeCheck> = signal<RecipeCheck>({ kind: 'waiting' });

/** JSON schema of recipes, once the engine has given it. */
export const recipeSchema: Signal<JsonSchema | null> = signal<JsonSchema | null>(null);

/** Fetches the schema for completion. */
export async function loadRecipeSchema(): Promise<void> {
  recipeSchema.value = await (await engineOf('cpu')).call('schema', null);
}

/** How long typing must rest before the recipe is checked, in milliseconds. */
const rest = 300;
let latest = 0;

effect(() => {
  const text = recipeText.value;
  const open = workspace.value;
  const mine = ++latest;
  recipeCheck.value = { kind: 'waiting' };
  if (open === null) return;
  const timer = setTimeout(async () => {
    let next: RecipeCheck;
    try {
      const outcome = await (await engineWith('cpu', open)).call('check', text);
      next =
        'plan' in outcome
          ? { kind: 'right', plan: outcome.plan }
          : { kind: 'wrong', problems: outcome.problems };
    } catch (error) {
      next = { kind: 'wrong', problems: problemsOf(error) };
    }
    if (mine === latest) recipeCheck.value = next;
  }, rest);
  return () => clearTimeout(timer);
});
