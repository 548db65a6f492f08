import { malformedConfig } from './config-error.js';
import type { ModelConfig } from './model-config.js';

/** A flag of a config; absent and null mean false. Throws a `TampError` (`format`) when it is anything else. */
export function readFlag(config: ModelConfig, field: string, file: string): boolean {
  const value = config[field] ?? false;
  if (typeof value === 'boolean') return value;
  throw malformedConfig(file, field, 'is neither true nor false');
}
