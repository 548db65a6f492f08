/** Edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(replace, previous[j] + 1, row[j - 1] + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        row[j] = Math.min(row[j], before[j - 2] + 1);
      }
    }
    before = previous;
    previous = row;
  }
  return previous[b.length];
}

/** Letters and digits alone, in lower case: `group_size` and `groupSize` are the same word to a reader. */
function bare(word: string): string {
  return word.toLowerCase().replace(/[^a-z0-9]/g, '');
}

/** The known word that a mistyped one most likely stands for, if any is near. */
export function closestWord(word: string, known: readonly string[]): string | undefined {
  const wanted = bare(word);
  const limit = Math.max(1, Math.floor(wanted.length / 3));
  let best: { readonly word: string; readonly distance: number } | undefined;
  for (const candidate of known) {
    const distance = editDistance(wanted, bare(candidate));
    if (distance <= limit && distance < (best?.distance ?? Number.POSITIVE_INFINITY)) {
      best = { word: candidate, distance };
    }
  }
  return best?.word;
}

/** `Did you mean groupSize?`, or the words there are. */
export function suggestWord(word: string, known: readonly string[], ofWhat: string): string {
  const near = closestWord(word, known);
  if (near !== undefined) return `Did you mean ${near}?`;
  return known.length === 0 ? `There are no ${ofWhat} here.` : `The ${ofWhat} are: ${known.join(', ')}.`;
}
