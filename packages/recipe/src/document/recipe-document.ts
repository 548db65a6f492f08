import { type ErrorLocation, TampError } from '@tamp/core';
import {
  type Alias,
  type Document,
  type ErrorCode,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
  type YAMLParseError,
} from 'yaml';
import { RecipeError } from '../errors/recipe-error.js';

/** A way into a recipe: keys of mappings and indices of lists. */
export type RecipePath = readonly PropertyKey[];

/** A recipe's text, read as YAML, that still knows where each key and value stands. */
export interface RecipeDocument {
  /** What the recipe's file is called in errors. */
  readonly file: string;
  /** The text as plain data. */
  readonly value: unknown;
  /** Where the value at a path begins; where there is none, the nearest value around it. */
  locate(path: RecipePath): ErrorLocation;
  /** Where the last key of a path stands. */
  locateKey(path: RecipePath): ErrorLocation;
  /** The value at a path, `undefined` where there is none. */
  at(path: RecipePath): unknown;
}

/** A recipe is written by hand; anything longer is some other file. */
const maxLength = 2 ** 20;

/** What to do about the most common mistakes, by the parser's codes. */
const remedies: Readonly<Partial<Record<ErrorCode, string>>> = {
  BAD_SCALAR_START: 'Put the text in quotes.',
  DUPLICATE_KEY: 'Keep one of the two.',
  TAB_AS_INDENT: 'Indent with spaces.',
  BAD_INDENT: 'Indent keys of one mapping by the same number of spaces.',
  MULTIPLE_DOCS: 'Keep one recipe per file.',
};

/** What is wrong, and the remedy; the parser's words are for programmers in places. */
function syntaxProblem(error: YAMLParseError): { readonly problem: string; readonly remedy: string } {
  const unclosed = /^Flow .* must be sufficiently indented and end with a (.)$/.exec(error.message);
  if (unclosed !== null) {
    return {
      problem: `a ${unclosed[1]} is missing before this`,
      remedy: `Close the bracket that was opened above with ${unclosed[1]}, or indent what is inside of it.`,
    };
  }
  return {
    problem: error.code === 'MULTIPLE_DOCS' ? 'a second document begins here' : error.message,
    remedy: remedies[error.code] ?? 'Correct it; text that holds : # or * must stand in quotes.',
  };
}

/** The first alias of nothing, or else the first alias. */
function culpritAlias(document: Document): Node | undefined {
  const aliases: Alias[] = [];
  visit(document, { Alias: (_, alias) => void aliases.push(alias) });
  return aliases.find((alias) => alias.resolve(document) === undefined) ?? aliases[0];
}

interface Entry {
  readonly key: Node | undefined;
  readonly value: Node | undefined;
}

function resolveAlias(node: unknown, document: Document): Node | undefined {
  if (isAlias(node)) return node.resolve(document);
  return isNode(node) ? node : undefined;
}

function child(parent: Node | undefined, step: PropertyKey, document: Document): Entry | undefined {
  if (isMap(parent)) {
    const pair = parent.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
    if (pair === undefined) return undefined;
    return {
      key: isNode(pair.key) ? pair.key : undefined,
      value: resolveAlias(pair.value, document),
    };
  }
  if (isSeq(parent)) return { key: undefined, value: resolveAlias(parent.items[Number(step)], document) };
  return undefined;
}

function valueAt(value: unknown, path: RecipePath): unknown {
  let found = value;
  for (const step of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, step)) return undefined;
    found = (found as Readonly<Record<PropertyKey, unknown>>)[step];
  }
  return found;
}

/** Reads YAML. Throws a {@link RecipeError} that lists every syntax error with its line and column. */
export function readRecipeDocument(text: string, file: string): RecipeDocument {
  if (text.length > maxLength) {
    throw new RecipeError([
      new TampError(`is longer than the ${maxLength} characters a recipe may have`, {
        code: 'usage',
        at: { file },
        remedy: 'Name a recipe.',
      }),
    ]);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });

  const place = (offset: number): ErrorLocation => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col) };
  };
  const placeOf = (node: Node | undefined): ErrorLocation => place(node?.range?.[0] ?? 0);

  if (document.errors.length > 0) {
    throw new RecipeError(
      document.errors.map((error) => {
        const { problem, remedy } = syntaxProblem(error);
        return new TampError(`is not valid YAML: ${problem}`, {
          code: 'usage',
          at: place(error.pos[0]),
          remedy,
          cause: error,
        });
      }),
    );
  }

  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new RecipeError([
      new TampError(`is not valid YAML: ${what}`, {
        code: 'usage',
        at: placeOf(culpritAlias(document)),
        remedy: 'Write values out instead of referring to them with *.',
        cause,
      }),
    ]);
  }

  const top = resolveAlias(document.contents, document);
  return {
    file,
    value,
    locate(path) {
      let node = top;
      let nearest = top;
      for (const step of path) {
        const entry = child(node, step, document);
        if (entry === undefined) break;
        nearest = entry.value ?? entry.key ?? nearest;
        node = entry.value;
      }
      return placeOf(nearest);
    },
    locateKey(path) {
      let node = top;
      let key = top;
      for (const step of path) {
        const entry = child(node, step, document);
        if (entry === undefined) break;
        key = entry.key ?? entry.value ?? key;
        node = entry.value;
      }
      return placeOf(key);
    },
    at: (path) => valueAt(value, path),
  };
}
