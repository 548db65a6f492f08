import { z } from 'zod';

/** A JSON schema as far as it is looked into here. */
export interface JsonSchema {
  readonly [key: string]: unknown;
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What a zod schema accepts, as JSON schema for editors; parts that JSON schema cannot say accept anything. */
export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
}

function alternatives(schema: JsonSchema): readonly JsonSchema[] {
  const nested = [schema.anyOf, schema.oneOf, schema.allOf].flatMap((list) =>
    Array.isArray(list) ? list.filter(isSchema) : [],
  );
  return [schema, ...nested.flatMap(alternatives)];
}

function step(schema: JsonSchema, key: PropertyKey): readonly JsonSchema[] {
  return alternatives(schema).flatMap((form) => {
    const found =
      typeof key === 'number'
        ? form.items
        : isSchema(form.properties)
          ? form.properties[String(key)]
          : undefined;
    return isSchema(found) ? [found] : [];
  });
}

/** The keys that a schema knows for the mapping at a path, in the schema's order. */
export function knownKeys(schema: JsonSchema, path: readonly PropertyKey[]): readonly string[] {
  let forms: readonly JsonSchema[] = [schema];
  for (const key of path) forms = forms.flatMap((form) => step(form, key));
  const keys = forms
    .flatMap(alternatives)
    .flatMap((form) => (isSchema(form.properties) ? Object.keys(form.properties) : []));
  return [...new Set(keys)];
}

/** The description that a schema gives of the value at a path. */
export function descriptionOf(schema: JsonSchema, path: readonly PropertyKey[]): string | undefined {
  let forms: readonly JsonSchema[] = [schema];
  for (const key of path) forms = forms.flatMap((form) => step(form, key));
  const texts = forms.flatMap(alternatives).map((form) => form.description);
  return texts.find((text) => typeof text === 'string');
}
