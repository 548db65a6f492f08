import { type ErrorLocation, type Model, TampError } from '@tamp/core';
import { chooseTargets, partitionGraph } from '@tamp/sequential-pipeline';
import type { RecipeDocument } from '../document/recipe-document.js';
import { problemAt } from '../errors/locate-problem.js';
import type { RecipeHost } from '../host.js';
import type { Recipe } from '../schema/recipe-schema.js';

/** Values between two blocks are to live on disk, and the host has none, as a page has none. */
export function noDisk(at: ErrorLocation = {}): TampError {
  return new TampError('there is no disk for intermediates here', {
    code: 'usage',
    at,
    remedy: 'Write intermediates: memory, or run the recipe with the tamp command.',
  });
}

/** Checks that a recipe's pipeline suits the model and the host; adds what is wrong to `problems`. */
export function checkPipeline(
  { pipeline }: Recipe,
  model: Model,
  document: RecipeDocument,
  host: RecipeHost,
  problems: TampError[],
): void {
  if (pipeline.kind !== 'sequential') return;
  try {
    partitionGraph(model.graph, chooseTargets(model.graph, pipeline), pipeline);
  } catch (error) {
    problems.push(problemAt(error, document, ['pipeline', 'targets']));
  }
  if (pipeline.intermediates === 'disk' && host.openScratch === undefined) {
    problems.push(noDisk(document.locate(['pipeline', 'intermediates'])));
  }
}
