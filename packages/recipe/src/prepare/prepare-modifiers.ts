import type { Model, Modifier, ModifierPlan, PlannedTarget, TampError } from '@tamp/core';
import type { RecipeDocument } from '../document/recipe-document.js';
import { modifierProblem, problemAt } from '../errors/locate-problem.js';
import type { RecipeHost } from '../host.js';
import { jsonSchemaOf } from '../schema/known-keys.js';
import { schemaProblems } from '../schema/schema-problems.js';

/** A modifier of a recipe, made for one run. */
export interface ReadyModifier {
  readonly name: string;
  readonly description: string;
  readonly modifier: Modifier;
  /** Place in the recipe's list. */
  readonly index: number;
}

/** A modifier that has chosen what it will do to the model. */
export interface PlannedModifier extends ReadyModifier {
  readonly plan: ModifierPlan;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function readyModifier(
  entry: unknown,
  index: number,
  document: RecipeDocument,
  host: RecipeHost,
): Promise<ReadyModifier | readonly TampError[]> {
  // What is no entry at all was reported by the recipe's own schema.
  if (!isRecord(entry) || typeof entry.use !== 'string' || entry.use === '') return [];
  const { use, ...given } = entry;
  try {
    const definition = await host.resolveModifier(use);
    const options = definition.options.safeParse(given);
    if (!options.success) {
      return schemaProblems(options.error.issues, {
        document,
        base: ['modifiers', index],
        schema: jsonSchemaOf(definition.options),
        modifier: use,
      });
    }
    const modifier = definition.create(options.data);
    return { name: use, description: definition.description, modifier, index };
  } catch (error) {
    return [problemAt(error, document, ['modifiers', index, 'use'])];
  }
}

/** Resolves every modifier of a recipe and checks its options; adds what is wrong to `problems`. */
export async function readyModifiers(
  document: RecipeDocument,
  host: RecipeHost,
  problems: TampError[],
): Promise<readonly ReadyModifier[]> {
  const entries = document.at(['modifiers']);
  const ready: ReadyModifier[] = [];
  for (const [index, entry] of (Array.isArray(entries) ? entries : []).entries()) {
    const result = await readyModifier(entry, index, document, host);
    if ('modifier' in result) ready.push(result);
    else problems.push(...result);
  }
  return ready;
}

/**
 * Lets every modifier choose and check its targets, the last one first, so that each learns what those after it will
 * do; adds what is wrong to `problems`.
 */
export function planModifiers(
  ready: readonly ReadyModifier[],
  model: Model,
  document: RecipeDocument,
  problems: TampError[],
): readonly PlannedModifier[] {
  const planned: PlannedModifier[] = [];
  const found: TampError[] = [];
  let later: readonly PlannedTarget[] = [];
  for (const modifier of [...ready].reverse()) {
    try {
      const plan = modifier.modifier.plan(model, later);
      planned.unshift({ ...modifier, plan });
      later = [...plan.targets, ...later];
    } catch (error) {
      found.unshift(modifierProblem(error, document, ['modifiers', modifier.index], modifier.name));
    }
  }
  problems.push(...found);
  return planned;
}
