import type { Quality } from '@tamp/recipe';

/** One measure of quality before and after, as text. */
export interface QualityRow {
  readonly name: string;
  readonly before: string;
  readonly after: string;
  readonly change: string;
}

const digits = 4;

/**
 * Every measure that was taken: perplexity, accuracy, loss. `perplexityDigits` are the places after its point, and
 * `perplexityChange` says how it changed.
 */
export function qualityRows(
  before: Quality | null,
  after: Quality | null,
  perplexityDigits: number,
  perplexityChange: (before: number, after: number) => string,
): readonly QualityRow[] {
  const difference = (a: number, b: number): string => `${b >= a ? '+' : ''}${(b - a).toFixed(digits)}`;
  const measures = [
    { name: 'perplexity', key: 'perplexity', places: perplexityDigits, change: perplexityChange },
    { name: 'accuracy', key: 'accuracy', places: digits, change: difference },
    { name: 'validation loss', key: 'loss', places: digits, change: difference },
  ] as const;
  return measures.flatMap(({ name, key, places, change }) => {
    const [first, second] = [before?.[key], after?.[key]];
    if (first === undefined && second === undefined) return [];
    return [
      {
        name,
        before: first?.toFixed(places) ?? '',
        after: second?.toFixed(places) ?? '',
        change: first === undefined || second === undefined ? '' : change(first, second),
      },
    ];
  });
}
