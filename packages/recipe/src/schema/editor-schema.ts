import type { ModifierDefinition } from '@tamp/core';
import { type JsonSchema, jsonSchemaOf } from './known-keys.js';
import { recipeSchema } from './recipe-schema.js';

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function part(schema: JsonSchema, key: string): JsonSchema {
  const value = schema[key];
  return isSchema(value) ? value : {};
}

/** The form of one entry of `modifiers` for a known modifier. */
function entrySchema(definition: ModifierDefinition): JsonSchema {
  const options = jsonSchemaOf(definition.options);
  const required = Array.isArray(options.required) ? options.required : [];
  return {
    type: 'object',
    description: definition.description,
    properties: {
      use: { const: definition.name, description: definition.description },
      ...part(options, 'properties'),
    },
    required: ['use', ...required],
    additionalProperties: false,
  };
}

/**
 * JSON schema of recipes, for completion and checks in editors (yaml-language-server). The options of the given
 * modifiers come from their own zod schemas; entries that use any other package accept any options.
 */
export function editorSchema(definitions: readonly ModifierDefinition[]): JsonSchema {
  const recipe = jsonSchemaOf(recipeSchema);
  const properties = part(recipe, 'properties');
  const names = definitions.map(({ name }) => name);
  const other: JsonSchema = {
    type: 'object',
    description: 'Any npm package that exports a modifier',
    properties: { use: { type: 'string', not: { enum: names } } },
    required: ['use'],
  };
  return {
    ...recipe,
    title: 'tamp recipe',
    properties: {
      ...properties,
      modifiers: {
        ...part(properties, 'modifiers'),
        items: { anyOf: [...definitions.map(entrySchema), other] },
      },
    },
  };
}
