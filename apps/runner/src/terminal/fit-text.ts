import type { PreparedRecipe } from '@tamp/recipe';
import { amountText, bytesText } from '@tamp/report';

/** What a limit of memory may change about a recipe. */
interface Fitted extends Pick<PreparedRecipe, 'evaluationBatch'> {
  readonly recipe: Pick<PreparedRecipe['recipe'], 'pipeline'>;
}

/** What a limit of memory has changed about a recipe, in a line; undefined when nothing. */
export function fitText(asked: Fitted, fitting: Fitted, maxBytes: number): string | undefined {
  if (fitting === asked) return undefined;
  const [before, now] = [asked.recipe.pipeline, fitting.recipe.pipeline];
  const changes: string[] = [];
  if (now.batchSize !== before.batchSize && now.batchSize !== undefined) {
    changes.push(`calibrating ${amountText(now.batchSize, 'window')} at a time`);
  }
  if (now.intermediates !== before.intermediates) changes.push('values between two parts on disk');
  if (now.targetsPerSubgraph !== before.targetsPerSubgraph) {
    changes.push(`parts of ${amountText(now.targetsPerSubgraph, 'block')}`);
  }
  if (fitting.evaluationBatch !== asked.evaluationBatch && fitting.evaluationBatch !== undefined) {
    changes.push(`evaluating ${amountText(fitting.evaluationBatch, 'window')} at a time`);
  }
  return `To fit ${bytesText(maxBytes)} of memory: ${changes.join(', ')}.`;
}
