import {
  type Model,
  type Modifier,
  type ModifierNeeds,
  type ModifierPlan,
  type PlannedTarget,
  TampError,
} from '@tamp/core';
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

/** What a package's author did wrong; packages need not be written in TypeScript. */
function authorProblem(problem: string): TampError {
  return new TampError(problem, {
    code: 'usage',
    remedy: 'This is a defect of the modifier: report it to its author.',
  });
}

const allNeeds: readonly ModifierNeeds[] = ['nothing', 'calibration', 'training'];

function checkModifier(made: unknown): Modifier {
  if (!isRecord(made) || typeof made.plan !== 'function') {
    throw authorProblem('its create() gives no modifier: an object with needs and plan()');
  }
  if (!allNeeds.some((needs) => needs === made.needs)) {
    throw authorProblem(`needs of what its create() gives must be one of ${allNeeds.join(', ')}`);
  }
  return made as unknown as Modifier;
}

function checkPlan(plan: unknown): ModifierPlan {
  const texts = ['layer', 'parameter', 'scheme'];
  const numbers = ['bytesBefore', 'bytesAfter'];
  const isTarget = (target: unknown): boolean =>
    isRecord(target) &&
    texts.every((key) => typeof target[key] === 'string') &&
    numbers.every((key) => typeof target[key] === 'number');
  if (isRecord(plan) && Array.isArray(plan.targets) && plan.targets.every(isTarget)) {
    return plan as unknown as ModifierPlan;
  }
  throw authorProblem(
    `its plan() must give { targets }, a list whose entries have ${[...texts, ...numbers].join(', ')}`,
  );
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
    const modifier = checkModifier(definition.create(options.data));
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
      const plan = checkPlan(modifier.modifier.plan(model, later));
      planned.unshift({ ...modifier, plan });
      later = [...plan.targets, ...later];
    } catch (error) {
      found.unshift(modifierProblem(error, document, ['modifiers', modifier.index], modifier.name));
    }
  }
  problems.push(...found);
  return planned;
}
