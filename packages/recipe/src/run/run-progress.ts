import type { PreparedRecipe } from '../prepare/prepare-recipe.js';

/** The parts of a run, in their order. */
export type RunStage = 'evaluate-before' | 'train' | 'modify' | 'evaluate-after' | 'export';

/** What a run tells while it works. */
export type RunEvent =
  | { readonly kind: 'start'; readonly stage: RunStage }
  | {
      readonly kind: 'progress';
      readonly stage: RunStage;
      readonly done: number;
      readonly total: number;
      /** What is being worked on, in a few words. */
      readonly detail?: string;
    }
  | { readonly kind: 'end'; readonly stage: RunStage };

/** Whether a run measures quality before and after. */
export function measuresQuality(prepared: PreparedRecipe): boolean {
  return prepared.evaluates && (prepared.evaluation !== undefined || prepared.validationData !== undefined);
}

/** Whether there is work for modifiers beside training. */
export function modifiesAfterTraining(prepared: PreparedRecipe): boolean {
  return (
    prepared.trainingData === undefined ||
    prepared.modifiers.some(({ modifier }) => modifier.needs !== 'training')
  );
}

/** The stages that a prepared recipe goes through. */
export function stagesOf(prepared: PreparedRecipe): readonly RunStage[] {
  const evaluates = measuresQuality(prepared);
  return [
    ...(evaluates ? (['evaluate-before'] as const) : []),
    ...(prepared.trainingData === undefined ? [] : (['train'] as const)),
    ...(modifiesAfterTraining(prepared) ? (['modify'] as const) : []),
    ...(evaluates ? (['evaluate-after'] as const) : []),
    ...(prepared.recipe.export.length > 0 ? (['export'] as const) : []),
  ];
}
