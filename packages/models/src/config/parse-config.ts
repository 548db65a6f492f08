import type { z } from 'zod';
import { malformedConfig } from './config-error.js';
import type { ModelConfig } from './model-config.js';

/** The fields of a config that a schema names. Throws a `TampError` (`format`) for the first that does not fit. */
export function parseConfig<T>(schema: z.ZodType<T>, config: ModelConfig, file: string): T {
  const result = schema.safeParse(config);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw malformedConfig(file, issue.path.map(String).join('.'), issue.message);
}
