import { isTampError, TampError } from '@tamp/core';
import type { RecipeDocument, RecipePath } from '../document/recipe-document.js';

function scalarPaths(value: unknown, path: RecipePath): readonly RecipePath[] {
  if (typeof value !== 'object' || value === null) return [path];
  return Object.keys(value).flatMap((key) => {
    const step = Array.isArray(value) ? Number(key) : key;
    return scalarPaths((value as Readonly<Record<string, unknown>>)[key], [...path, step]);
  });
}

/** Words of a message, without the punctuation around them. */
function wordsOf(text: string): ReadonlySet<string> {
  return new Set(text.split(/[\s,;()"']+/).map((word) => word.replace(/[.:]$/, '')));
}

/** `groupSize` → `group size`. */
function spoken(key: PropertyKey | undefined): string {
  return String(key ?? '')
    .replace(/([A-Z])/g, ' $1')
    .toLowerCase();
}

/**
 * The value inside a modifier's entry that a message speaks of, such as the one target that matches nothing: its text
 * stands in the message as a word, and if several do, the one whose key is named too.
 */
function mentionedValue(
  document: RecipeDocument,
  entry: RecipePath,
  problem: string,
): RecipePath | undefined {
  const words = wordsOf(problem);
  const lower = problem.toLowerCase();
  const mentioned = scalarPaths(document.at(entry), entry).filter(
    (path) =>
      path.length > entry.length + (path.at(-1) === 'use' ? 1 : 0) && words.has(String(document.at(path))),
  );
  const named = mentioned.find((path) => {
    const key = path.findLast((step) => typeof step === 'string');
    return lower.includes(spoken(key)) || lower.includes(spoken(key).replace(/s$/, ''));
  });
  return named ?? mentioned[0];
}

/** An error raised while a part of a recipe was checked, with the place of that part. */
export function problemAt(error: unknown, document: RecipeDocument, path: RecipePath): TampError {
  const at = document.locate(path);
  if (!isTampError(error)) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    const what = error instanceof Error ? error.message : String(error);
    return new TampError(`checking it failed: ${what}`, {
      code: 'internal',
      at,
      remedy: 'This is a defect: report it to the author of what is named here.',
      cause: error,
    });
  }
  const { file, layer, modifier } = error.at;
  return new TampError(file === undefined ? error.problem : `${file}: ${error.problem}`, {
    code: 'usage',
    at: {
      ...at,
      ...(layer === undefined ? {} : { layer }),
      ...(modifier === undefined ? {} : { modifier }),
    },
    ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
    cause: error,
  });
}

/** An error of a modifier that was asked for its plan, placed at the option it speaks of. */
export function modifierProblem(
  error: unknown,
  document: RecipeDocument,
  entry: RecipePath,
  modifier: string,
): TampError {
  const use: RecipePath = [...entry, 'use'];
  if (!isTampError(error)) return problemAt(error, document, use).located({ modifier });
  const path = mentionedValue(document, entry, error.problem) ?? use;
  return problemAt(error, document, path).located({ modifier });
}
