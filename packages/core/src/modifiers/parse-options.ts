import { TampError } from '../errors/tamp-error.js';
import type { ModifierDefinition } from './modifier.js';

/**
 * The options of a modifier with defaults filled in, for calls from a program. Throws a `TampError` (`usage`) that
 * lists everything that is wrong with them.
 */
export function parseModifierOptions<Options>(
  definition: ModifierDefinition<Options>,
  options: unknown,
): Options {
  const parsed = definition.options.safeParse(options);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join('.')}: ${message}`,
  );
  throw new TampError(`the options are not valid: ${problems.join('; ')}`, {
    code: 'usage',
    at: { modifier: definition.name },
    remedy: `Correct them; the README of ${definition.name} lists every option.`,
  });
}
