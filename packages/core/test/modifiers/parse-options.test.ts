import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineModifier, parseModifierOptions } from '../../src/index.js';

const definition = defineModifier({
  name: 'tamp-modifier-test',
  description: 'A modifier for this test.',
  options: z.strictObject({ bits: z.int().min(2).max(8).default(4) }),
  create: () => ({ needs: 'nothing' as const, plan: () => ({ targets: [] }) }),
});

test('options get their defaults', () => {
  expect(parseModifierOptions(definition, {})).toEqual({ bits: 4 });
});

test('one error names the modifier and everything that is wrong', () => {
  expect(() => parseModifierOptions(definition, { bits: 9, bitz: 3 })).toThrow(
    /^tamp-modifier-test: .*bits: .*; .*"bitz".* the README of tamp-modifier-test/,
  );
});
