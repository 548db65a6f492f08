/** A step from a YAML collection to one of its values. */
export type Step = string | number;

/** Where in a recipe a cursor stands. */
export interface CursorContext {
  /** The mapping or list that the cursor is in, from the top. */
  readonly path: readonly Step[];
  /** The key whose value is being written, or null where a key (or an item of a list) goes. */
  readonly key: string | null;
  /** What has been typed of it. */
  readonly typed: string;
}

const keyLine = /^(\s*(?:- +)*)("[^"]*"|'[^']*'|[\w@./-]+)\s*:(?:\s+|$)(.*)$/;

function unquoted(text: string): string {
  return text.replace(/^["']|["']$/g, '');
}

/** Something in a line that others can be inside of: the dash of an item, or a key. */
type Opener =
  | { readonly kind: 'dash'; readonly column: number }
  | { readonly kind: 'key'; readonly column: number; readonly name: string; readonly opens: boolean };

/** Spaces and dashes at the start of a line. */
function leadOf(line: string): string {
  return /^\s*(?:- +)*/.exec(line)?.[0] ?? '';
}

/** What a line has of them, from right to left. */
function openersOf(line: string): readonly Opener[] {
  if (line.trim() === '' || line.trim().startsWith('#')) return [];
  const lead = leadOf(line);
  const openers: Opener[] = [];
  for (const [column, character] of [...lead].entries()) {
    if (character === '-') openers.unshift({ kind: 'dash', column });
  }
  const match = keyLine.exec(line);
  if (match === null) return openers;
  const [, , name, rest] = match;
  const opens = rest.replace(/#.*$/, '').trim() === '';
  return [{ kind: 'key', column: lead.length, name: unquoted(name), opens }, ...openers];
}

/** The block collections around something in a column, given what stands above it. */
function enclosing(above: readonly string[], column: number): Step[] {
  let inside: { readonly kind: 'dash' | 'key'; readonly column: number } = { kind: 'key', column };
  const path: Step[] = [];
  let index = 0;
  for (const opener of [...above].reverse().flatMap(openersOf)) {
    const isItem = inside.kind === 'dash';
    if (isItem && opener.kind === 'dash' && opener.column === inside.column) {
      index++;
      continue;
    }
    // A list may stand in the column of its own key.
    const beside = isItem && opener.kind === 'key' && opener.column === inside.column;
    if (opener.column >= inside.column && !beside) continue;
    if (isItem) path.unshift(index);
    index = 0;
    if (opener.kind === 'key' && opener.opens) path.unshift(opener.name);
    inside = opener;
  }
  if (inside.kind === 'dash') path.unshift(index);
  return path;
}

/** A `{ … }` or `[ … ]` that was opened and not closed. */
interface FlowLevel {
  readonly kind: 'map' | 'list';
  /** Key of the mapping that is being written; null before its colon. */
  key: string | null;
  /** Index in the list. */
  index: number;
}

/** What is open at the end of a text, and what stands there. */
function openFlow(text: string): { readonly levels: readonly FlowLevel[]; readonly typed: string } {
  const levels: FlowLevel[] = [];
  let quote = '';
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    const level = levels.at(-1);
    if (quote !== '') {
      if (character === quote) quote = '';
    } else if (character === '"' || character === "'") {
      quote = character;
    } else if (character === '{' || character === '[') {
      levels.push({ kind: character === '{' ? 'map' : 'list', key: null, index: 0 });
      start = i + 1;
    } else if (character === '}' || character === ']') {
      levels.pop();
      start = i + 1;
    } else if (level !== undefined && character === ',') {
      level.key = null;
      level.index++;
      start = i + 1;
    } else if (level?.kind === 'map' && character === ':' && /^\s?$/.test(text[i + 1] ?? '')) {
      level.key = unquoted(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  return { levels, typed: text.slice(start).trimStart() };
}

/** The context inside of what is open. */
function inFlow(base: readonly Step[], levels: readonly FlowLevel[], typed: string): CursorContext {
  const path: Step[] = [...base];
  for (const level of levels.slice(0, -1)) path.push(level.kind === 'map' ? (level.key ?? '') : level.index);
  const last = levels[levels.length - 1];
  if (last.kind === 'list') return { path: [...path, last.index], key: null, typed };
  return { path, key: last.key, typed };
}

/** Where a cursor stands, from the text in front of it alone: the rest may be half written. */
export function cursorContext(before: string): CursorContext {
  const lines = before.split('\n');
  const line = lines.at(-1) ?? '';
  const lead = leadOf(line);
  const path = enclosing([...lines.slice(0, -1), lead], lead.length);
  const match = keyLine.exec(line);
  const key = match === null ? null : unquoted(match[2]);
  const rest = match === null ? line.slice(lead.length) : match[3];
  const { levels, typed } = openFlow(rest);
  if (levels.length > 0) return inFlow(key === null ? path : [...path, key], levels, typed);
  return { path, key, typed: rest };
}
