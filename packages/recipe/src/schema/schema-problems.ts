import { TampError } from '@tamp/core';
import type { z } from 'zod';
import type { RecipeDocument, RecipePath } from '../document/recipe-document.js';
import { suggestWord } from '../errors/closest-word.js';
import { descriptionOf, type JsonSchema, knownKeys } from './known-keys.js';

type Issue = z.core.$ZodIssue;

/** What zod's issues are about. */
export interface SchemaContext {
  readonly document: RecipeDocument;
  /** Where in the recipe the validated value stands. */
  readonly base: RecipePath;
  /** The same schema as JSON, for the keys it knows. */
  readonly schema: JsonSchema;
  /** The modifier whose options these are. */
  readonly modifier?: string;
}

const kinds: Readonly<Record<string, string>> = {
  array: 'a list',
  object: 'a mapping (key: value)',
  record: 'a mapping (key: value)',
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};

function showValue(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  return typeof value === 'string' ? `the text "${value}"` : String(value);
}

function lastKey(path: RecipePath): string {
  const name = path.findLast((step) => typeof step === 'string');
  const index = path.at(-1);
  if (name === undefined) return 'the recipe';
  return typeof index === 'number' ? `${String(name)}[${index}]` : String(name);
}

function bound(issue: Extract<Issue, { code: 'too_big' | 'too_small' }>): string {
  const limit = issue.code === 'too_big' ? issue.maximum : issue.minimum;
  const inclusive = issue.inclusive !== false;
  if (issue.origin === 'array' || issue.origin === 'string') {
    const unit = issue.origin === 'array' ? 'entries' : 'characters';
    if (issue.code === 'too_small' && limit === 1) return 'must not be empty';
    return `must have ${issue.code === 'too_big' ? 'at most' : 'at least'} ${limit} ${unit}`;
  }
  if (issue.code === 'too_big') return `must be ${inclusive ? 'at most' : 'less than'} ${limit}`;
  return `must be ${inclusive ? 'at least' : 'more than'} ${limit}`;
}

/** The issues of the form of a union that the value comes nearest to: the one that fails farthest inside. */
function nearestForm(errors: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const depth = (issues: readonly Issue[]): number =>
    Math.max(0, ...issues.map((issue) => issue.path.length));
  const deepest = [...errors].sort((a, b) => depth(b) - depth(a))[0];
  return deepest !== undefined && depth(deepest) > 0 ? deepest : undefined;
}

/** Says what zod found as errors that name file, line, column and what to write instead. */
export function schemaProblems(issues: readonly Issue[], context: SchemaContext): readonly TampError[] {
  const { document, base, schema } = context;
  const modifier = context.modifier === undefined ? {} : { modifier: context.modifier };

  const describe = (issue: Issue, around: RecipePath): readonly TampError[] => {
    const inner: RecipePath = [...around, ...issue.path];
    const path: RecipePath = [...base, ...inner];
    const value = document.at(path);
    const name = lastKey(path);
    const about = descriptionOf(schema, inner);
    const fail = (problem: string, remedy: string, at = document.locate(path)): TampError =>
      new TampError(problem, { code: 'usage', at: { ...at, ...modifier }, remedy });
    const meaning = about === undefined ? undefined : `It is: ${about}${/[.!?]$/.test(about) ? '' : '.'}`;

    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) =>
        fail(
          `unknown key ${key}${path.length === 0 ? '' : ` in ${name}`}`,
          suggestWord(key, knownKeys(schema, inner), 'keys'),
          document.locateKey([...path, key]),
        ),
      );
    }
    if (value === undefined && path.length > 0) {
      return [fail(`${name} is missing`, meaning ?? `Write ${name}: and its value.`)];
    }
    switch (issue.code) {
      case 'invalid_type': {
        const expected = kinds[issue.expected] ?? issue.expected;
        return [
          fail(`${name} must be ${expected}, not ${showValue(value)}`, meaning ?? `Write ${expected}.`),
        ];
      }
      case 'invalid_value': {
        const values = issue.values.map(String);
        const problem = `${name} must be ${values.length > 1 ? 'one of ' : ''}${values.join(', ')}, not ${showValue(value)}`;
        const near = typeof value === 'string' ? suggestWord(value, values, 'values') : undefined;
        return [fail(problem, near ?? meaning ?? 'Choose one of these.')];
      }
      case 'too_big':
      case 'too_small':
        return [
          fail(
            Array.isArray(value)
              ? `${name} ${bound(issue)}`
              : `${name} ${bound(issue)}, not ${showValue(value)}`,
            meaning ?? 'Change it, or take it out to get the default.',
          ),
        ];
      case 'not_multiple_of':
        return [
          fail(
            `${name} must be a multiple of ${issue.divisor}, not ${showValue(value)}`,
            meaning ?? 'Change it.',
          ),
        ];
      case 'invalid_union': {
        const nearest = nearestForm(issue.errors);
        if (nearest !== undefined) return nearest.flatMap((nested) => describe(nested, inner));
        const forms = issue.errors.flatMap((form) =>
          form.flatMap((nested) =>
            nested.code === 'invalid_type' ? [kinds[nested.expected] ?? nested.expected] : [],
          ),
        );
        const wanted = forms.length === 0 ? 'of another form' : [...new Set(forms)].join(' or ');
        return [fail(`${name} must be ${wanted}, not ${showValue(value)}`, meaning ?? `Write ${wanted}.`)];
      }
      default:
        return [fail(`${name}: ${issue.message}`, meaning ?? 'Change it.')];
    }
  };

  return issues.flatMap((issue) => describe(issue, []));
}
