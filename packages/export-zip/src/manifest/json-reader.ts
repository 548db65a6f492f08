import { TampError } from '@tamp/core';
import { damagedRemedy } from '../archive-format.js';

// zod would do this, at a sixth of what a page has to load to run an archive.

/** Checks a value of JSON and gives it its type. `where` is its path; throws a `TampError` (`format`) that names it. */
export type JsonReader<T> = (value: unknown, where: string) => T;

function fail(value: unknown, where: string, what: string): never {
  const problem = value === undefined ? 'is missing' : what;
  const place = where === '' ? '' : ` at ${where.slice(0, 200)}`;
  throw new TampError(`malformed manifest${place}: ${problem}`, { code: 'format', remedy: damagedRemedy });
}

/** A whole number from `least` to `most`. */
export function wholeNumber(least: number, most: number = Number.MAX_SAFE_INTEGER): JsonReader<number> {
  return (value, where) =>
    typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
      ? value
      : fail(value, where, `is not a whole number from ${least} to ${most}`);
}

/** Any number. */
export const number: JsonReader<number> = (value, where) =>
  typeof value === 'number' && Number.isFinite(value) ? value : fail(value, where, 'is not a number');

/** true or false. */
export const flag: JsonReader<boolean> = (value, where) =>
  typeof value === 'boolean' ? value : fail(value, where, 'is not true or false');

/** Text of `least` to `most` UTF-16 units. */
export function text(least: number, most: number): JsonReader<string> {
  return (value, where) =>
    typeof value === 'string' && value.length >= least && value.length <= most
      ? value
      : fail(value, where, `is not a text of ${least} to ${most} characters`);
}

/** Text that matches a pattern; `what` names it. */
export function textLike(pattern: RegExp, what: string): JsonReader<string> {
  return (value, where) =>
    typeof value === 'string' && pattern.test(value) ? value : fail(value, where, `is not ${what}`);
}

/** One of a few values. */
export function oneOf<const T extends string | number>(...values: readonly T[]): JsonReader<T> {
  return (value, where) =>
    values.find((known) => known === value) ?? fail(value, where, `is not ${values.join(' or ')}`);
}

/** A field that may be absent. */
export function optional<T>(read: JsonReader<T>): JsonReader<T | undefined> {
  return (value, where) => (value === undefined ? undefined : read(value, where));
}

/** A list of at most `most` items. */
export function list<T>(read: JsonReader<T>, most: number = Number.POSITIVE_INFINITY): JsonReader<T[]> {
  return (value, where) => {
    if (!Array.isArray(value)) return fail(value, where, 'is not a list');
    if (value.length > most) return fail(value, where, `has more than ${most} items`);
    return value.map((item, index) => read(item, `${where}.${index}`));
  };
}

/** An object with any fields. */
export const anyObject: JsonReader<Readonly<Record<string, unknown>>> = (value, where) =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : fail(value, where, 'is not an object');

/** An object with these fields and no others. */
export function object<T extends object>(
  fields: {
    readonly [K in keyof Required<T>]: JsonReader<T[K]>;
  },
): JsonReader<T> {
  const readers: [string, JsonReader<unknown>][] = Object.entries(fields);
  return (value, where) => {
    const given = anyObject(value, where);
    const unknown = Object.keys(given).find((key) => !Object.hasOwn(fields, key));
    if (unknown !== undefined) fail(value, where, `has the unknown field ${unknown.slice(0, 100)}`);
    const prefix = where === '' ? '' : `${where}.`;
    const read = readers.map(([key, reader]): [string, unknown] => [
      key,
      reader(Object.hasOwn(given, key) ? given[key] : undefined, prefix + key),
    ]);
    return Object.fromEntries(read.filter(([, field]) => field !== undefined)) as T;
  };
}

/** One of several objects, told apart by their field `kind`. */
export function ofKind<T extends { readonly kind: string }>(
  readers: {
    readonly [K in T['kind']]: JsonReader<Extract<T, { readonly kind: K }>>;
  },
): JsonReader<T> {
  const byKind: ReadonlyMap<unknown, JsonReader<T>> = new Map(Object.entries<JsonReader<T>>(readers));
  return (value, where) => {
    const { kind } = anyObject(value, where);
    const read = byKind.get(kind);
    return read === undefined
      ? fail(kind, `${where}.kind`, `is not ${[...byKind.keys()].join(' or ')}`)
      : read(value, where);
  };
}
