import { expectNoTensorLeaks } from '@tamp/fixtures/tensor-leaks';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import { operators, Random } from '../../src/index.js';
import { expectClose } from './expect-close.js';
import { runOperator } from './run-operator.js';

beforeAll(() => tf.setBackend('cpu'));
expectNoTensorLeaks();

function values(seed: number, length: number): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length }, () => random.between(-2, 2));
}

describe('rms_norm', () => {
  it('divides by the root of the mean square plus epsilon', () => {
    const [rows, width, epsilon] = [6, 40, 1e-2];
    const x = values(1, rows * width);
    const weight = values(2, width);
    const expected = Array.from(x, (value, at) => {
      const row = x.subarray(at - (at % width), at - (at % width) + width);
      const meanSquare = row.reduce((sum, one) => sum + one * one, 0) / width;
      return (value / Math.sqrt(meanSquare + epsilon)) * weight[at % width];
    });
    const actual = runOperator('rms_norm', [tf.tensor(x, [2, 3, width]), tf.tensor(weight)], { epsilon });
    // A few float32 roundings of values up to about 4.
    expectClose(actual, expected, 2e-6);
  });

  it('gives 0 for a row of zeros', () => {
    const actual = runOperator('rms_norm', [tf.zeros([1, 4]), tf.ones([4])], { epsilon: 1e-5 });
    expect(actual).toEqual(new Float32Array(4));
  });

  it('refuses a weight of another width', () => {
    const type = (shape: number[]): { dtype: 'float32'; shape: number[] } => ({ dtype: 'float32', shape });
    expect(() => operators.infer('rms_norm', [type([1, 4]), type([3])], { epsilon: 1e-5 }, 'norm')).toThrow(
      'norm: rms_norm: the weight must have shape [4]',
    );
  });
});

describe('rotary_embedding', () => {
  const frequencies = [1, 0.25, Math.fround(0.01)];
  const size = 6;

  /** Rotates the pair (i, i + half) of each head by position · frequency. */
  function rotate(x: Float32Array, sequence: number, width: number, start: number, scale: number): number[] {
    return Array.from(x, (value, at) => {
      const position = start + (Math.floor(at / width) % sequence);
      const inHead = at % size;
      const pair = inHead % (size / 2);
      const angle = position * frequencies[pair];
      const other = inHead < size / 2 ? -x[at + size / 2] : x[at - size / 2];
      return scale * (value * Math.cos(angle) + other * Math.sin(angle));
    });
  }

  it.each([
    { heads: 1, attentionScale: 1 },
    { heads: 3, attentionScale: 1.25 },
  ])(
    'rotates each of $heads heads by its positions, scaled by $attentionScale',
    ({ heads, attentionScale }) => {
      const [batch, sequence, width] = [2, 5, heads * size];
      const x = values(3, batch * sequence * width);
      const attributes = { frequencies, attentionScale };
      const actual = runOperator('rotary_embedding', [tf.tensor(x, [batch, sequence, width])], attributes);
      // cos and sin are rounded to float32, as is each product and sum.
      expectClose(actual, rotate(x, sequence, width, 0, attentionScale), 1e-6);
    },
  );

  it('starts behind the positions that its tables were made for, and does not confuse different starts', () => {
    const x = values(4, 4 * size);
    const attributes = { frequencies, attentionScale: 1.5 };
    for (const start of [0, 7, 0]) {
      const table = (part: string): tf.Tensor =>
        tf.tensor(
          runOperator('rotary_table', [tf.zeros([1, 4], 'int32'), tf.zeros([1, start, 2])], {
            ...attributes,
            part,
          }),
          [1, 4, 1, size],
        );
      const inputs = [tf.tensor(x, [1, 4, size]), table('cos'), table('sin')];
      expectClose(runOperator('rotary_embedding', inputs, attributes), rotate(x, 4, size, start, 1.5), 2e-6);
    }
  });

  it('refuses tables that do not fit', () => {
    const type = (...shape: number[]): { dtype: 'float32'; shape: number[] } => ({ dtype: 'float32', shape });
    const infer = (...types: ReturnType<typeof type>[]): unknown =>
      operators.infer('rotary_embedding', types, { frequencies, attentionScale: 1 }, 'self_attn');
    expect(() => infer(type(1, 4, 6), type(1, 4, 1, 6))).toThrow('cosines come with sines');
    expect(() => infer(type(1, 4, 6), type(1, 4, 1, 6), type(1, 4, 6))).toThrow(
      'must be [1, sequence, 1, 6]',
    );
    expect(() =>
      operators.infer(
        'rotary_table',
        [type(1, 4), type(1, 4)],
        { frequencies, attentionScale: 1, part: 'tan' },
        'self_attn',
      ),
    ).toThrow('part must be cos or sin');
  });

  it('refuses a width that is no multiple of the head size', () => {
    const x = { dtype: 'float32' as const, shape: [1, 2, 8] };
    expect(() =>
      operators.infer('rotary_embedding', [x], { frequencies, attentionScale: 1 }, 'self_attn'),
    ).toThrow('width 8 is no multiple of the head size 6');
  });
});

describe('attention', () => {
  interface Case {
    readonly heads: number;
    readonly keyValueHeads: number;
    readonly queries: number;
    readonly keys: number;
  }

  /** The definition, one query of one head at a time in double precision. */
  function attend(q: Float32Array, k: Float32Array, v: Float32Array, batch: number, shape: Case): number[] {
    const { heads, keyValueHeads, queries, keys } = shape;
    const result: number[] = new Array(batch * queries * heads * headSize).fill(0);
    for (let b = 0; b < batch; b++) {
      for (let h = 0; h < heads; h++) {
        const shared = Math.floor(h / (heads / keyValueHeads));
        const key = (t: number, i: number): number =>
          ((b * keys + t) * keyValueHeads + shared) * headSize + i;
        for (let s = 0; s < queries; s++) {
          const query = ((b * queries + s) * heads + h) * headSize;
          const visible = keys - queries + s + 1;
          const scores = Array.from({ length: visible }, (_, t) => {
            let sum = 0;
            for (let i = 0; i < headSize; i++) sum += q[query + i] * k[key(t, i)];
            return sum * scale;
          });
          const largest = Math.max(...scores);
          const weights = scores.map((score) => Math.exp(score - largest));
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          for (let i = 0; i < headSize; i++) {
            for (let t = 0; t < visible; t++) result[query + i] += (weights[t] / total) * v[key(t, i)];
          }
        }
      }
    }
    return result;
  }

  const headSize = 4;
  const scale = 0.5;

  it.each<Case>([
    { heads: 1, keyValueHeads: 1, queries: 1, keys: 1 },
    { heads: 3, keyValueHeads: 3, queries: 5, keys: 5 },
    { heads: 6, keyValueHeads: 2, queries: 7, keys: 7 },
    { heads: 4, keyValueHeads: 1, queries: 2, keys: 6 },
  ])('equals the definition: $heads heads on $keyValueHeads, $queries queries of $keys keys', (shape) => {
    const { heads, keyValueHeads, queries, keys } = shape;
    const batch = 2;
    const q = values(5, batch * queries * heads * headSize);
    const k = values(6, batch * keys * keyValueHeads * headSize);
    const v = values(7, batch * keys * keyValueHeads * headSize);
    const inputs = [
      tf.tensor(q, [batch, queries, heads * headSize]),
      tf.tensor(k, [batch, keys, keyValueHeads * headSize]),
      tf.tensor(v, [batch, keys, keyValueHeads * headSize]),
    ];
    const actual = runOperator('attention', inputs, { heads, keyValueHeads, headSize, scale });
    // Scores up to 8 in float32 shift the weights by some 1e-6 of themselves.
    expectClose(actual, attend(q, k, v, batch, shape), 1e-5);
  });

  it('refuses heads that cannot be shared, and widths that do not fit', () => {
    const type = (width: number): { dtype: 'float32'; shape: number[] } => ({
      dtype: 'float32',
      shape: [1, 2, width],
    });
    const infer = (widths: number[], heads: number, keyValueHeads: number): unknown =>
      operators.infer('attention', widths.map(type), { heads, keyValueHeads, headSize, scale }, 'self_attn');
    expect(() => infer([12, 8, 8], 3, 2)).toThrow('3 heads cannot share 2 key-value heads');
    expect(() => infer([16, 8, 12], 4, 2)).toThrow('v must be [batch, sequence, 8]');
  });
});

describe('swiglu', () => {
  it('is gate · sigmoid(gate) · up', () => {
    const gate = values(8, 24);
    const up = values(9, 24);
    const expected = Array.from(gate, (value, i) => (value / (1 + Math.exp(-value))) * up[i]);
    const actual = runOperator('swiglu', [tf.tensor(gate, [2, 12]), tf.tensor(up, [2, 12])]);
    // Three float32 roundings of values up to 4.
    expectClose(actual, expected, 1e-6);
  });
});

describe('add and mul', () => {
  it('broadcast as NumPy does and keep sizes unknown that nothing decides', () => {
    const sum = runOperator('add', [tf.tensor2d([1, 2, 3, 4], [2, 2]), tf.tensor1d([10, 20])]);
    expect(sum).toEqual(Float32Array.of(11, 22, 13, 24));
    const product = runOperator('mul', [tf.tensor2d([1, 2], [2, 1]), tf.tensor2d([3, 4], [1, 2])]);
    expect(product).toEqual(Float32Array.of(3, 4, 6, 8));
    const type = (shape: (number | null)[]): { dtype: 'float32'; shape: (number | null)[] } => ({
      dtype: 'float32',
      shape,
    });
    expect(operators.infer('add', [type([null, 1, 3]), type([4, 1])], {}, 'x').shape).toEqual([null, 4, 3]);
    expect(operators.infer('add', [type([null]), type([5])], {}, 'x').shape).toEqual([5]);
    expect(() => operators.infer('add', [type([2]), type([3])], {}, 'x')).toThrow('2 and 3 do not broadcast');
  });
});

describe('append_rows', () => {
  it('puts rows behind those of each sample, also behind none', () => {
    const past = tf.tensor3d([1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2]);
    const rows = tf.tensor3d([10, 20, 30, 40], [2, 1, 2]);
    expect(runOperator('append_rows', [past, rows])).toEqual(
      Float32Array.of(1, 2, 3, 4, 10, 20, 5, 6, 7, 8, 30, 40),
    );
    expect(runOperator('append_rows', [tf.zeros([1, 0, 2]), tf.tensor3d([1, 2], [1, 1, 2])])).toEqual(
      Float32Array.of(1, 2),
    );
  });

  it('refuses rows of another width', () => {
    const type = (width: number): { dtype: 'float32'; shape: number[] } => ({
      dtype: 'float32',
      shape: [1, 2, width],
    });
    expect(() => operators.infer('append_rows', [type(4), type(3)], {}, 'self_attn')).toThrow('of one width');
  });
});

describe('last_position', () => {
  it('gives the last position of each sample', () => {
    const x = tf.tensor3d([1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2]);
    expect(runOperator('last_position', [x])).toEqual(Float32Array.of(3, 4, 7, 8));
  });
});
