import { describe, expect, it } from 'vitest';
import {
  createGraphBuilder,
  type Graph,
  globToRegExp,
  matchOperators,
  matchScopes,
  unmatchedPatterns,
} from '../../src/index.js';

function twoBlocks(): Graph {
  const builder = createGraphBuilder();
  let x = builder.input('x', { dtype: 'float32', shape: [null, 4] });
  for (const block of [0, 1]) {
    builder.scope(`model.layers.${block}`, 'DecoderLayer', () => {
      for (const name of ['q_proj', 'up_proj']) {
        builder.scope(name, 'Linear', () => {
          x = builder.apply('linear', [x, builder.parameter(`${builder.path}.weight`, [4, 4])]);
        });
      }
    });
  }
  x = builder.scope('lm_head', 'Linear', () =>
    builder.apply('linear', [x, builder.parameter('lm_head.weight', [4, 4])]),
  );
  builder.output('y', x);
  return builder.build();
}

const graph = twoBlocks();
const match = (targets: string[], ignore: string[] = []): string[] =>
  matchOperators(graph, { targets, ignore }, (node) => node.operator === 'linear').map((node) => node.scope);
const all = [
  'model.layers.0.q_proj',
  'model.layers.0.up_proj',
  'model.layers.1.q_proj',
  'model.layers.1.up_proj',
  'lm_head',
];

describe('matchOperators', () => {
  it.each<[string[], string[], string[]]>([
    [['linear'], [], all],
    [['Linear'], [], all],
    [['linear'], ['lm_head'], all.slice(0, 4)],
    [['DecoderLayer'], [], all.slice(0, 4)],
    [['model.layers.1'], [], all.slice(2, 4)],
    [['model.layers.0.up_proj'], [], [all[1]]],
    [['*.q_proj'], [], [all[0], all[2]]],
    [['model.layers.?.up_proj'], [], [all[1], all[3]]],
    [['model.layers.[!0].*'], [], all.slice(2, 4)],
    [['re:.*(q|up)_proj'], ['re:model\\.layers\\.1'], all.slice(0, 2)],
    [['*.q_proj', 'lm_head'], [], [all[0], all[2], all[4]]],
    [['linear'], ['*.up_proj', 'nothing_here'], [all[0], all[2], all[4]]],
  ])('targets %j without %j', (targets, ignore, expected) => {
    expect(match(targets, ignore)).toEqual(expected);
  });

  it('takes a regular expression from the start of the name', () => {
    expect(match(['re:lm'])).toEqual(['lm_head']);
    expect(() => match(['re:head'])).toThrow(/re:head matches nothing/);
  });

  it('names layers of the model when a target matches nothing', () => {
    expect(() => match(['linear', 'q_prj'])).toThrow(
      /the target q_prj matches nothing.*model\.layers\.0\.q_proj/,
    );
  });

  it('refuses what is no regular expression', () => {
    expect(() => match(['re:('])).toThrow(/re:\( is not a regular expression/);
  });
});

describe('unmatchedPatterns', () => {
  it('are those that name no operator, and no module that holds one', () => {
    const matching = ['linear', 'Linear', 'DecoderLayer', 'model', 'lm_head', '*.q_proj', 're:.*up_proj'];
    expect(unmatchedPatterns(graph, matching)).toEqual([]);
    const others = ['q_proj', 'lm_haed', 'conv2d', 'mlp.*', 're:head', 'model.layers.2'];
    expect(unmatchedPatterns(graph, [...others, ...matching])).toEqual(others);
    expect(() => unmatchedPatterns(graph, ['re:('])).toThrow(/re:\( is not a regular expression/);
  });
});

describe('matchScopes', () => {
  it('matches modules by type, name, glob and regular expression', () => {
    expect(matchScopes(graph, ['DecoderLayer'])).toEqual(['model.layers.0', 'model.layers.1']);
    expect(matchScopes(graph, ['model.layers.1'])).toEqual(['model.layers.1']);
    expect(matchScopes(graph, ['re:model\\.layers\\.\\d$'])).toEqual(['model.layers.0', 'model.layers.1']);
    expect(() => matchScopes(graph, ['EncoderLayer'])).toThrow(/EncoderLayer matches nothing.*DecoderLayer/);
  });
});

describe('globToRegExp', () => {
  it.each<[string, string, boolean]>([
    ['*', 'a.b.c', true],
    ['a.*', 'axb', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['[ab]x', 'bx', true],
    ['[!ab]x', 'bx', false],
    ['[a-c]x', 'bx', true],
    ['[]]x', ']x', true],
    ['a[b', 'a[b', true],
    ['a+b', 'a+b', true],
    ['a+b', 'aab', false],
    ['[^a]', '^', true],
  ])('%s on %s: %s', (glob, name, expected) => {
    expect(globToRegExp(glob).test(name)).toBe(expected);
  });
});
