import type { JsonSchema } from '@tamp/recipe';
import type { Step } from './cursor-context.js';

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function schemasIn(value: unknown): readonly JsonSchema[] {
  return Array.isArray(value) ? value.filter(isSchema) : [];
}

/** A schema's properties by name. */
export function propertiesOf(form: JsonSchema): ReadonlyMap<string, JsonSchema> {
  const { properties } = form;
  if (!isSchema(properties)) return new Map();
  return new Map(
    Object.entries(properties).flatMap(([key, value]) => (isSchema(value) ? [[key, value]] : [])),
  );
}

/** Whether a value that is there, as far as it is, rules a form out: `use: "@tamp/awq"` all modifiers but one. */
function fits(form: JsonSchema, value: unknown): boolean {
  if (!isSchema(value)) return true;
  for (const [key, property] of propertiesOf(form)) {
    const own = value[key];
    if (own === undefined || own === null || own === '') continue;
    if (property.const !== undefined && property.const !== own) return false;
    const { not } = property;
    if (isSchema(not) && Array.isArray(not.enum) && not.enum.includes(own)) return false;
  }
  return true;
}

/** A schema and its alternatives, those that a value rules out left out. */
export function formsOf(schema: JsonSchema, value: unknown): readonly JsonSchema[] {
  if (!fits(schema, value)) return [];
  const nested = [schema.anyOf, schema.oneOf, schema.allOf].flatMap(schemasIn);
  return [schema, ...nested.flatMap((form) => formsOf(form, value))];
}

function valueAt(value: unknown, step: Step): unknown {
  if (Array.isArray(value)) return value[Number(step)];
  return isSchema(value) ? value[step] : undefined;
}

/** The forms that the value at a path may have, given the document as far as it is written. */
export function formsAt(schema: JsonSchema, path: readonly Step[], document: unknown): readonly JsonSchema[] {
  let value = document;
  let forms = formsOf(schema, value);
  for (const step of path) {
    const inside = valueAt(value, step);
    forms = forms
      .map((form) => (typeof step === 'number' ? form.items : propertiesOf(form).get(step)))
      .filter(isSchema)
      .flatMap((form) => formsOf(form, inside));
    value = inside;
  }
  return forms;
}
