export { checkWindows, vocabularyOf } from './data/language-model.js';
export { readTensor } from './data/read-tensor.js';
export { cutWindows, type TextWindows, type WindowOptions } from './data/text-windows.js';
export { type RecipeDocument, type RecipePath, readRecipeDocument } from './document/recipe-document.js';
export { closestWord, suggestWord } from './errors/closest-word.js';
export { RecipeError } from './errors/recipe-error.js';
export { nextTokenLoss } from './evaluation/cross-entropy.js';
export { measurePerplexity, type PerplexityOptions, type PerplexityResult } from './evaluation/perplexity.js';
export type {
  Artifact,
  CheckpointFile,
  ExportOptions,
  GrowingExport,
  OpenedModel,
  OpenedTokenizer,
  RecipeHost,
  StagedExport,
  Tokenizer,
} from './host.js';
export { type ParsedRecipe, parseRecipe } from './parse-recipe.js';
export { fitMemory } from './prepare/fit-memory.js';
export type { MachineSpeed } from './prepare/machine-speed.js';
export type { PhasePlan } from './prepare/plan-phases.js';
export {
  type ModifierOutline,
  modelBytes,
  planRecipe,
  type RecipePlan,
  type TextOutline,
} from './prepare/plan-recipe.js';
export type { PlannedModifier, ReadyModifier } from './prepare/prepare-modifiers.js';
export { type PreparedRecipe, type PrepareOptions, prepareRecipe } from './prepare/prepare-recipe.js';
export type { RecipeTexts } from './prepare/prepare-texts.js';
export { type TriedRun, tryRun } from './prepare/try-run.js';
export { type RunEvent, type RunStage, stagesOf } from './run/run-progress.js';
export { type RunOptions, runRecipe } from './run/run-recipe.js';
export type { MissedGate, Quality, RunOutcome, RunResult } from './run/run-result.js';
export { editorSchema } from './schema/editor-schema.js';
export type { JsonSchema } from './schema/known-keys.js';
export {
  type CalibrationData,
  type Compression,
  defaultSequenceLength,
  type EvaluationData,
  type ExportTarget,
  type Gates,
  type ModifierUse,
  type Recipe,
} from './schema/recipe-schema.js';
export type { LabelledSource, TrainingOptimizer, TrainingSettings } from './schema/training-schema.js';
export type { NamedTensorData, TensorData } from './tensor-data.js';
