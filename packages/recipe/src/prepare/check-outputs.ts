import { TampError } from '@tamp/core';
import type { RecipeDocument, RecipePath } from '../document/recipe-document.js';
import { problemAt } from '../errors/locate-problem.js';
import type { RecipeHost } from '../host.js';
import type { Recipe } from '../schema/recipe-schema.js';

/** Whether a value of the recipe says anything, right or wrong. */
function hasEntries(value: unknown): boolean {
  return value !== undefined && !(Array.isArray(value) && value.length === 0);
}

/** What is wrong with exports, reports and gates, all that can be said without the model. */
export function outputProblems(
  recipe: Recipe,
  evaluate: boolean,
  document: RecipeDocument,
  host: RecipeHost,
): readonly TampError[] {
  const problems: TampError[] = [];
  const usage = (path: RecipePath, problem: string, remedy: string): void => {
    problems.push(new TampError(problem, { code: 'usage', at: document.locate(path), remedy }));
  };
  const attempt = (path: RecipePath, check: () => void): void => {
    try {
      check();
    } catch (error) {
      problems.push(problemAt(error, document, path));
    }
  };

  const names = new Set<string>();
  for (const [index, target] of recipe.export.entries()) {
    attempt(['export', index, 'to'], () => host.checkExport(target));
    if (names.has(target.to)) {
      usage(['export', index, 'to'], `${target.to} is written twice`, 'Give each export a name of its own.');
    }
    names.add(target.to);
  }
  const reportIsList = Array.isArray(document.at(['report']));
  for (const [index, path] of recipe.report.entries()) {
    attempt(reportIsList ? ['report', index] : ['report'], () => host.checkReport(path));
  }
  if (recipe.gates.perplexityIncrease !== undefined && document.at(['data', 'evaluation']) === undefined) {
    usage(
      ['gates', 'perplexityIncrease'],
      'the gate perplexityIncrease needs a text to evaluate on',
      'Give data.evaluation, or take the gate out.',
    );
  } else if (recipe.gates.perplexityIncrease !== undefined && !evaluate) {
    usage(
      ['gates', 'perplexityIncrease'],
      'the gate perplexityIncrease cannot be checked without evaluation',
      'Evaluate, or take the gate out.',
    );
  }
  if (recipe.gates.accuracyDrop !== undefined && document.at(['data', 'validation']) === undefined) {
    usage(
      ['gates', 'accuracyDrop'],
      'the gate accuracyDrop needs labelled samples to measure on',
      'Give data.validation, or take the gate out.',
    );
  } else if (recipe.gates.accuracyDrop !== undefined && !evaluate) {
    usage(
      ['gates', 'accuracyDrop'],
      'the gate accuracyDrop cannot be checked without evaluation',
      'Evaluate, or take the gate out.',
    );
  }
  if (recipe.gates.maxBytes !== undefined && !hasEntries(document.at(['export']))) {
    usage(
      ['gates', 'maxBytes'],
      'the gate maxBytes needs something that is exported',
      'Give export, or take the gate out.',
    );
  }
  return problems;
}
