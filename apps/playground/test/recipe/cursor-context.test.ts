import { describe, expect, it } from 'vitest';
import { cursorContext } from '../../src/recipe/cursor-context.js';

const recipe = `model: ./model
data:
  evaluation: { text: eval.txt, sequenceLength: 256 }
modifiers:
  # the first
  - use: "@tamp/awq"
    ignore: [lm_head]
  - use: "@tamp/weight-only"
    weights:
      bits: 4
`;

describe('cursorContext', () => {
  it.each<[string, string, ReturnType<typeof cursorContext>]>([
    ['an empty text', '', { path: [], key: null, typed: '' }],
    ['a key at the top', 'model: x\nexp', { path: [], key: null, typed: 'exp' }],
    ['a value at the top', 'model: ./mo', { path: [], key: 'model', typed: './mo' }],
    ['a key in a block', 'data:\n  ev', { path: ['data'], key: null, typed: 'ev' }],
    [
      'a key in a flow mapping',
      'data:\n  evaluation: { te',
      { path: ['data', 'evaluation'], key: null, typed: 'te' },
    ],
    [
      'a second key in a flow mapping',
      'data:\n  evaluation: { text: a, win',
      { path: ['data', 'evaluation'], key: null, typed: 'win' },
    ],
    [
      'a value in a flow mapping',
      'data:\n  evaluation: { text: a, windows: 1',
      { path: ['data', 'evaluation'], key: 'windows', typed: '1' },
    ],
    [
      'a closed flow mapping inside of an open one',
      'data: { evaluation: { text: a }, cal',
      { path: ['data'], key: null, typed: 'cal' },
    ],
    ['the first item', 'modifiers:\n  - us', { path: ['modifiers', 0], key: null, typed: 'us' }],
    [
      'a value of the first item',
      'modifiers:\n  - use: "@ta',
      { path: ['modifiers', 0], key: 'use', typed: '"@ta' },
    ],
    [
      'a list at the indentation of its key',
      'modifiers:\n- us',
      { path: ['modifiers', 0], key: null, typed: 'us' },
    ],
    ['a third item', `${recipe}  - us`, { path: ['modifiers', 2], key: null, typed: 'us' }],
    ['a key of the second item', `${recipe}    tar`, { path: ['modifiers', 1], key: null, typed: 'tar' }],
    [
      'a key inside of the second item',
      `${recipe}      gr`,
      { path: ['modifiers', 1, 'weights'], key: null, typed: 'gr' },
    ],
    [
      'a flow mapping inside of the second item',
      `${recipe}    rangeSearch: { observer: m`,
      { path: ['modifiers', 1, 'rangeSearch'], key: 'observer', typed: 'm' },
    ],
    [
      'an item of a flow list',
      'modifiers:\n  - ignore: [a, b',
      { path: ['modifiers', 0, 'ignore', 1], key: null, typed: 'b' },
    ],
    ['after all lists', `${recipe}ex`, { path: [], key: null, typed: 'ex' }],
  ])('%s', (_name, before, expected) => {
    expect(cursorContext(before)).toEqual(expected);
  });
});
