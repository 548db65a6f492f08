import { malformedConfig } from './config-error.js';
import type { ModelConfig } from './model-config.js';

/** Architecture of configs that name only their `model_type`. */
const architectureByModelType: ReadonlyMap<string, string> = new Map([
  ['llama', 'LlamaForCausalLM'],
  ['mistral', 'MistralForCausalLM'],
  ['qwen2', 'Qwen2ForCausalLM'],
]);

/** The model class a config names. Throws a `TampError` (`format`) when it names none. */
export function architectureOf(config: ModelConfig, file: string): string {
  const { architectures, model_type: type } = config;
  if (Array.isArray(architectures) && typeof architectures[0] === 'string') return architectures[0];
  if (typeof type === 'string') return architectureByModelType.get(type) ?? type;
  throw malformedConfig(file, 'architectures', 'names no model class');
}
