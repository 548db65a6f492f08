import type { JsonSchema } from '@tamp/recipe';
import { parseDocument } from 'yaml';
import { cursorContext } from './cursor-context.js';
import { formsAt, propertiesOf } from './schema-forms.js';

/** Something that may stand where the cursor is. */
export interface Suggestion {
  readonly label: string;
  readonly kind: 'key' | 'value';
  /** What replaces what was typed. */
  readonly insert: string;
  readonly description?: string;
}

/** What may stand at a cursor, and how many characters before it that replaces. */
export interface Suggestions {
  readonly typed: number;
  readonly list: readonly Suggestion[];
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** A value as YAML writes it. */
function written(value: unknown): string {
  const plain = String(value);
  return typeof value === 'string' && !/^[\w./][\w./-]*$/.test(value) ? `"${plain}"` : plain;
}

function valuesOf(form: JsonSchema): readonly Suggestion[] {
  const values = [
    ...(form.const === undefined ? [] : [form.const]),
    ...(Array.isArray(form.enum) ? form.enum : []),
    ...(form.type === 'boolean' ? [true, false] : []),
    ...(['string', 'number', 'boolean'].includes(typeof form.default) ? [form.default] : []),
  ];
  const description = text(form.description);
  return values.map((value) => ({
    label: String(value),
    kind: 'value',
    insert: written(value),
    ...(description === undefined ? {} : { description }),
  }));
}

/** What a key is followed by. */
function afterKey(form: JsonSchema): string {
  const type = form.type ?? (Array.isArray(form.anyOf) ? 'any' : undefined);
  return type === 'object' || form.properties !== undefined ? ': { }' : ': ';
}

function distinct(list: readonly Suggestion[]): readonly Suggestion[] {
  return [...new Map(list.map((one) => [one.label, one])).values()];
}

/**
 * What a schema allows at the end of `before`, the text in front of a cursor. `whole` is the text with all that
 * follows: keys that are there are not offered again, and `use` decides which modifier's options are.
 */
export function suggestionsAt(schema: JsonSchema, before: string, whole: string): Suggestions {
  const { path, key, typed } = cursorContext(before);
  // Half-written documents have errors; what could be read is enough.
  let document: unknown;
  try {
    document = parseDocument(whole, { prettyErrors: false }).toJS();
  } catch {
    document = undefined;
  }
  if (key !== null) {
    const forms = formsAt(schema, [...path, key], withoutValue(document, [...path, key]));
    return { typed: typed.length, list: distinct(forms.flatMap(valuesOf)) };
  }
  const forms = formsAt(schema, path, document);
  const present = new Set(keysAt(document, path));
  const keys = forms.flatMap((form) =>
    [...propertiesOf(form)].flatMap(([name, property]): Suggestion[] => {
      if (present.has(name) && name !== typed) return [];
      const description = text(property.description);
      return [
        {
          label: name,
          kind: 'key',
          insert: `${name}${afterKey(property)}`,
          ...(description === undefined ? {} : { description }),
        },
      ];
    }),
  );
  const values = typeof path.at(-1) === 'number' ? forms.flatMap(valuesOf) : [];
  return { typed: typed.length, list: distinct([...keys, ...values]) };
}

function descend(value: unknown, path: readonly (string | number)[]): unknown {
  let found = value;
  for (const step of path) {
    if (typeof found !== 'object' || found === null) return undefined;
    found = (found as Readonly<Record<string | number, unknown>>)[step];
  }
  return found;
}

function keysAt(document: unknown, path: readonly (string | number)[]): readonly string[] {
  const value = descend(document, path);
  return typeof value === 'object' && value !== null ? Object.keys(value) : [];
}

/** The document without the value that is being written, which must not rule out what it could become. */
function withoutValue(document: unknown, path: readonly (string | number)[]): unknown {
  const copy: unknown = structuredClone(document);
  const last = path[path.length - 1];
  const parent = descend(copy, path.slice(0, -1));
  if (typeof parent === 'object' && parent !== null) Reflect.deleteProperty(parent, last);
  return copy;
}
