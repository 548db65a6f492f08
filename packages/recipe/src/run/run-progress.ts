import type { PreparedRecipe } from '../prepare/prepare-recipe.js';

/** The parts of a run, in their order. */
export type RunStage = 'evaluate-before' | 'modify' | 'evaluate-after' | 'export';

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

/** The stages that a prepared recipe goes through. */
export function stagesOf(prepared: PreparedRecipe): readonly RunStage[] {
  const evaluates = prepared.evaluation !== undefined;
  return [
    ...(evaluates ? (['evaluate-before'] as const) : []),
    'modify' as const,
    ...(evaluates ? (['evaluate-after'] as const) : []),
    ...(prepared.recipe.export.length > 0 ? (['export'] as const) : []),
  ];
}
