import { describe, expect, it } from 'vitest';
import { closestWord, cutWindows, editorSchema, nextTokenLoss, parseRecipe } from '../src/index.js';
import { halve, trained } from './world/modifiers.js';

describe('the schema for editors', () => {
  const schema = JSON.parse(JSON.stringify(editorSchema([halve, trained])));

  it('holds every key of a recipe with a description', () => {
    expect(Object.keys(schema.properties)).toEqual([
      'model',
      'tokenizer',
      'data',
      'training',
      'modifiers',
      'pipeline',
      'export',
      'report',
      'gates',
      'backend',
    ]);
    for (const property of Object.values(schema.properties)) expect(property).toHaveProperty('description');
    expect(schema.required).toEqual(['model', 'modifiers']);
    expect(schema.additionalProperties).toBe(false);
  });

  it("takes each modifier's options from its own schema, and accepts other packages", () => {
    const [first, second, other] = schema.properties.modifiers.items.anyOf;
    expect(first.properties.use.const).toBe('@test/halve');
    expect(first.properties.weights.properties.bits).toMatchObject({
      type: 'integer',
      minimum: 2,
      maximum: 8,
    });
    expect(first.required).toEqual(['use']);
    expect(second.properties.use.const).toBe('@test/trained');
    expect(other.properties.use.not.enum).toEqual(['@test/halve', '@test/trained']);
  });
});

describe('defaults', () => {
  it('are those of the documentation', () => {
    const { recipe } = parseRecipe(
      'model: m\ndata: { calibration: { text: c }, evaluation: { text: e } }\nmodifiers: [{ use: a, bits: 4 }]\nreport: r.html\n',
      'recipe.yaml',
    );
    expect(recipe).toEqual({
      model: 'm',
      data: {
        calibration: { text: 'c', sequenceLength: 256 },
        evaluation: { text: 'e', sequenceLength: 256 },
      },
      modifiers: [{ use: 'a', options: { bits: 4 } }],
      pipeline: { kind: 'sequential', targetsPerSubgraph: 1, propagateError: true, intermediates: 'memory' },
      export: [],
      report: ['r.html'],
      gates: {},
      backend: {},
    });
  });
});

describe('closestWord', () => {
  it.each([
    ['modifers', 'modifiers'],
    ['modifires', 'modifiers'],
    ['group_size', 'groupSize'],
    ['Group-Size', 'groupSize'],
    ['banana', undefined],
    ['', undefined],
  ])('%s → %s', (word, expected) => {
    expect(closestWord(word, ['modifiers', 'groupSize', 'model'])).toBe(expected);
  });
});

describe('windows', () => {
  const ids = Int32Array.from({ length: 11 }, (_, i) => i);

  it('do not overlap, are whole, and come from the start', () => {
    const windows = cutWindows(ids, { sequenceLength: 4, file: 'text' });
    expect(windows.count).toBe(2);
    expect([...windows.ids]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(cutWindows(ids, { sequenceLength: 4, count: 1, file: 'text' }).count).toBe(1);
    expect(cutWindows(ids, { sequenceLength: 4, atMost: 5, file: 'text' }).count).toBe(2);
    expect(cutWindows(ids, { sequenceLength: 2, atMost: 3, file: 'text' }).count).toBe(3);
    expect(cutWindows(ids, { sequenceLength: 11, file: 'text' }).count).toBe(1);
  });
});

describe('the loss', () => {
  it('is over tokens 2 to L of each window', () => {
    const ids = Int32Array.of(0, 1, 1, 0);
    // Position 0 of each window predicts its token 1; the logits of positions 1 and 3 must not matter.
    const logits = Float32Array.of(0, Math.log(3), 99, -99, 0, 0, -99, 99);
    // p = 3/4 and 1/2; log(3) is rounded to float32, so to 1e-7.
    expect(nextTokenLoss(logits, ids, 2, 2)).toBeCloseTo(-Math.log(3 / 4) - Math.log(1 / 2), 6);
  });

  it('is exact for logits far from zero', () => {
    expect(nextTokenLoss(Float32Array.of(1000, 1000, 0, 0), Int32Array.of(0, 1), 2, 2)).toBeCloseTo(
      Math.log(2),
      12,
    );
  });

  it('is no number when a logit is none, wherever it stands', () => {
    for (let at = 0; at < 3; at++) {
      const logits = Float32Array.of(1, 2, 3, 0, 0, 0);
      logits[at] = Number.NaN;
      expect(nextTokenLoss(logits, Int32Array.of(0, 2), 2, 3)).toBeNaN();
    }
    expect(
      nextTokenLoss(Float32Array.of(1, Number.POSITIVE_INFINITY, 0, 0), Int32Array.of(0, 0), 2, 2),
    ).toBeNaN();
  });
});
