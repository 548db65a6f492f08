import { Random } from '@tamp/core';
import { describe, expect, it } from 'vitest';
import { createSampler } from '../src/index.js';

/** How often each token is drawn. */
function counts(sample: (logits: Float32Array) => number, logits: Float32Array, draws: number): number[] {
  const drawn: number[] = new Array(logits.length).fill(0);
  for (let i = 0; i < draws; i++) drawn[sample(logits)]++;
  return drawn;
}

const logits = Float32Array.from([1, 3, 2, 3, -1, 0.5]);

/** softmax(logits / temperature) over the given tokens, in float64. */
function probabilities(ids: readonly number[], temperature: number): number[] {
  const weights = logits.map((_, id) => (ids.includes(id) ? Math.exp(logits[id] / temperature) : 0));
  const total = weights.reduce((a, b) => a + b, 0);
  return [...weights].map((weight) => weight / total);
}

/** Frequencies of many draws against probabilities: within five standard deviations of a binomial share. */
function expectShares(drawn: readonly number[], expected: readonly number[]): void {
  const draws = drawn.reduce((a, b) => a + b, 0);
  for (const [id, p] of expected.entries()) {
    const bound = 5 * Math.sqrt((p * (1 - p)) / draws);
    expect(Math.abs(drawn[id] / draws - p), `token ${id}`).toBeLessThanOrEqual(bound);
  }
}

describe('createSampler', () => {
  it('takes the largest logit at temperature 0, of equal ones the smaller id', () => {
    expect(createSampler()(logits)).toBe(1);
    expect(createSampler({ seed: 5, temperature: 0 })(logits)).toBe(1);
    expect(createSampler()(Float32Array.of(-3))).toBe(0);
  });

  it('draws in proportion to the probabilities', () => {
    const sample = createSampler({ temperature: 1.7, seed: 11 });
    expectShares(counts(sample, logits, 20_000), probabilities([0, 1, 2, 3, 4, 5], 1.7));
  });

  it('keeps the K most likely, of equal ones the smaller id', () => {
    expectShares(
      counts(createSampler({ temperature: 1, topK: 3, seed: 2 }), logits, 20_000),
      probabilities([1, 3, 2], 1),
    );
    const one = counts(createSampler({ temperature: 5, topK: 1 }), logits, 200);
    expect(one).toEqual([0, 200, 0, 0, 0, 0]);
    const all = createSampler({ temperature: 1, topK: 99, seed: 3 });
    expectShares(counts(all, logits, 20_000), probabilities([0, 1, 2, 3, 4, 5], 1));
  });

  it('keeps the fewest tokens that reach P', () => {
    // Tokens 1 and 3 have 0.39 each, 2 has 0.14, 0 has 0.05, 5 has 0.03, 4 has 0.01.
    const kept: readonly (readonly [number, readonly number[]])[] = [
      [0.1, [1]],
      [0.5, [1, 3]],
      [0.8, [1, 3, 2]],
      [0.95, [1, 3, 2, 0]],
      [1, [0, 1, 2, 3, 4, 5]],
    ];
    for (const [topP, ids] of kept) {
      expectShares(
        counts(createSampler({ temperature: 1, topP, seed: 4 }), logits, 20_000),
        probabilities(ids, 1),
      );
    }
  });

  it('takes P of what K keeps', () => {
    // Of tokens 1, 3 and 2, the first has 0.42.
    const drawn = counts(createSampler({ temperature: 1, topK: 3, topP: 0.42, seed: 4 }), logits, 500);
    expect(drawn).toEqual([0, 500, 0, 0, 0, 0]);
  });

  it('finds the same nucleus in a large vocabulary as sorting all of it', () => {
    const random = new Random(9);
    const many = Float32Array.from({ length: 50_000 }, () => random.normal() * 3);
    for (const topP of [0.3, 0.9, 0.99]) {
      const order = Array.from(many.keys()).sort((a, b) => many[b] - many[a] || a - b);
      const weights = order.map((id) => Math.exp(many[id] - many[order[0]]));
      const total = weights.reduce((a, b) => a + b, 0);
      let reached = 0;
      const nucleus = new Set<number>();
      for (let i = 0; reached < topP * total; i++) {
        reached += weights[i];
        nucleus.add(order[i]);
      }
      const sample = createSampler({ temperature: 1, topP, seed: 1 });
      for (let i = 0; i < 50; i++) expect(nucleus.has(sample(many))).toBe(true);
    }
  });

  it('gives the same tokens for the same seed, others for another, whatever came before', () => {
    const draw = (seed: number): number[] => {
      const sample = createSampler({ temperature: 1, seed });
      return Array.from({ length: 40 }, () => sample(logits));
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    // Known answers: they must not change between versions, engines or machines.
    expect(draw(7).slice(0, 12)).toMatchInlineSnapshot(`
      [
        3,
        3,
        3,
        1,
        1,
        1,
        1,
        5,
        1,
        1,
        1,
        2,
      ]
    `);
  });

  it.each([
    [{ temperature: -1 }, 'temperature is -1'],
    [{ temperature: Number.NaN }, 'temperature is NaN'],
    [{ topK: 0 }, 'topK is 0'],
    [{ topK: 1.5 }, 'topK is 1.5'],
    [{ topP: 0 }, 'topP is 0'],
    [{ topP: 1.1 }, 'topP is 1.1'],
    [{ seed: -1 }, 'seed is -1'],
  ])('refuses %j', (options, message) => {
    expect(() => createSampler(options)).toThrow(message);
  });
});
