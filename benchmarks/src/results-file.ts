/** Tables by title, by the version of Node they were measured with, in the order of the file. */
export type ResultTables = Map<string, Map<string, string>>;

/** Where the part of a file begins that is written by hand: a new measurement leaves it as it is. */
const NOTES = '## Read with these';
const NODE = '## Node ';
const TITLE = '### ';

/** The tables of a file that {@link resultsFile} made, and its part written by hand. */
export function parseResults(text: string): { readonly tables: ResultTables; readonly notes: string } {
  const notesAt = text.indexOf(NOTES);
  const measured = notesAt < 0 ? text : text.slice(0, notesAt);
  const tables: ResultTables = new Map();
  for (const section of measured.split(`\n${NODE}`).slice(1)) {
    const [version = '', ...parts] = section.split(`\n${TITLE}`);
    tables.set(
      version.trim(),
      new Map(parts.map((part) => [part.slice(0, part.indexOf('\n')), `${TITLE}${part.trimEnd()}\n`])),
    );
  }
  return { tables, notes: notesAt < 0 ? '' : text.slice(notesAt) };
}

/** A file of results: a head, the tables in the order of `titles`, the part written by hand. */
export function resultsFile(
  head: string,
  tables: ResultTables,
  titles: readonly string[],
  notes: string,
): string {
  const sections = [...tables].flatMap(([version, byTitle]) => [
    `${NODE}${version}\n`,
    ...titles.flatMap((title) => byTitle.get(title) ?? []),
  ]);
  return `${head}\n${sections.join('\n')}\n${notes}`;
}
