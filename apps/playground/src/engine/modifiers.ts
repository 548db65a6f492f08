import { type ModifierDefinition, TampError } from '@tamp/core';
import { suggestWord } from '@tamp/recipe';

/** Packages by the names that recipes use, each loaded when it is first wanted. */
const packages: ReadonlyMap<string, () => Promise<{ readonly default: ModifierDefinition }>> = new Map<
  string,
  () => Promise<{ readonly default: ModifierDefinition }>
>([
  ['@tamp/weight-only', () => import('@tamp/weight-only')],
  ['@tamp/int8-linear', () => import('@tamp/int8-linear')],
  ['@tamp/int8-linear/static', () => import('@tamp/int8-linear/static')],
  ['@tamp/gptq', () => import('@tamp/gptq')],
  ['@tamp/awq', () => import('@tamp/awq')],
  ['@tamp/equalization', () => import('@tamp/equalization')],
  ['@tamp/diffq', () => import('@tamp/diffq')],
]);

/** The modifier that a recipe names. Rejects with a `TampError` (`usage`) for one that the page does not bring. */
export async function resolveModifier(use: string): Promise<ModifierDefinition> {
  const load = packages.get(use);
  if (load !== undefined) return (await load()).default;
  const names = [...packages.keys()];
  throw new TampError(`there is no modifier ${use} in this page`, {
    code: 'usage',
    remedy: `${suggestWord(use, names, 'modifiers')} Others run with the tamp command, beside an npm install.`,
  });
}

/** Every modifier of the page. */
export function allModifiers(): Promise<readonly ModifierDefinition[]> {
  return Promise.all([...packages.keys()].map(resolveModifier));
}
