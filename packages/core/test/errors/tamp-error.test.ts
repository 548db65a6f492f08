import { expect, it } from 'vitest';
import { isTampError, TampError } from '../../src/index.js';

it('reads as where, what, remedy', () => {
  const error = new TampError('unknown key modifers', {
    code: 'usage',
    at: { file: 'recipe.yaml', line: 3, column: 1 },
    remedy: 'Did you mean modifiers?',
  });
  expect(error.message).toBe('recipe.yaml:3:1: unknown key modifers. Did you mean modifiers?');
  expect(error.problem).toBe('unknown key modifers');
});

it('keeps what is known of the location when more is added', () => {
  const error = new TampError('NaN in the weight', { code: 'data', at: { layer: 'head' } });
  const located = error.located({ file: 'model.safetensors', layer: 'other' });
  expect(located.at).toEqual({ file: 'model.safetensors', layer: 'head' });
  expect(located.cause).toBe(error);
});

it('is known by its parts, not by its class', () => {
  expect(isTampError(new TampError('x', { code: 'io' }))).toBe(true);
  expect(isTampError(new Error('x'))).toBe(false);
  expect(isTampError('x')).toBe(false);
});
