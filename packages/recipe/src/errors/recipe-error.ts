import { TampError } from '@tamp/core';

/**
 * Everything that is wrong with a recipe, found before any work. `problems` holds each with its own file, line and
 * column, sorted by place; `message` lists them all, one per line.
 */
export class RecipeError extends TampError {
  readonly problems: readonly TampError[];

  /** `problems` holds at least one. */
  constructor(problems: readonly TampError[]) {
    const sorted = [...problems].sort(
      (a, b) => (a.at.line ?? 0) - (b.at.line ?? 0) || (a.at.column ?? 0) - (b.at.column ?? 0),
    );
    const [first] = sorted;
    super(first.problem, {
      code: 'usage',
      at: first.at,
      ...(first.remedy === undefined ? {} : { remedy: first.remedy }),
      cause: first,
    });
    this.message = sorted.map((problem) => problem.message).join('\n');
    this.problems = sorted;
  }
}
