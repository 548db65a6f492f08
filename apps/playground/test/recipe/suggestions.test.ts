import awq from '@tamp/awq';
import { editorSchema } from '@tamp/recipe';
import weightOnly from '@tamp/weight-only';
import { describe, expect, it } from 'vitest';
import { suggestionsAt } from '../../src/recipe/suggestions.js';

const schema = editorSchema([weightOnly, awq]);

function labels(before: string, after = ''): readonly string[] {
  return suggestionsAt(schema, before, before + after).list.map(({ label }) => label);
}

describe('suggestionsAt', () => {
  it('offers the keys of a recipe, with descriptions, and not those that are there', () => {
    const { list } = suggestionsAt(schema, 'model: ./model\n', 'model: ./model\n');
    expect(list.map(({ label }) => label)).toEqual(
      expect.arrayContaining(['data', 'modifiers', 'export', 'gates']),
    );
    expect(list.map(({ label }) => label)).not.toContain('model');
    expect(list.find(({ label }) => label === 'modifiers')?.description).toMatch(/order/);
  });

  it('offers the modifiers by name, in quotes', () => {
    const { list, typed } = suggestionsAt(schema, 'modifiers:\n  - use: ', 'modifiers:\n  - use: ');
    expect(typed).toBe(0);
    expect(list.map(({ insert }) => insert)).toEqual(['"@tamp/weight-only"', '"@tamp/awq"']);
  });

  it('offers other modifiers while one is there', () => {
    expect(labels('modifiers:\n  - use: "@tamp/weight-only')).toContain('@tamp/awq');
  });

  it('offers the options of the modifier that is used and no other', () => {
    const own = labels('modifiers:\n  - use: "@tamp/weight-only"\n    ');
    expect(own).toContain('rangeSearch');
    expect(own).not.toContain('use');
    const other = labels('modifiers:\n  - use: "@tamp/awq"\n    ');
    expect(other).not.toContain('rangeSearch');
  });

  it('offers options inside of braces, and the values of a choice', () => {
    expect(labels('modifiers:\n  - use: "@tamp/weight-only"\n    weights: { bi', ' }')).toEqual(
      expect.arrayContaining(['bits', 'groupSize', 'symmetric']),
    );
    expect(labels('modifiers:\n  - use: "@tamp/weight-only"\n    weights: { symmetric: ', ' }')).toEqual(
      expect.arrayContaining(['true', 'false']),
    );
    expect(labels('export:\n  - to: a.tamp.zip\n    compression: ')).toEqual(['auto', 'store', 'smallest']);
  });

  it('survives what is no YAML', () => {
    expect(labels('data: { evaluation: [ }\nmod')).toEqual(expect.any(Array));
  });
});
