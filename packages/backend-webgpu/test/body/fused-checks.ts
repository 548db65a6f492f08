import { operators } from '@tamp/core';
import { integer, randomSource, uniformValues } from '@tamp/fixtures/random';
import * as tf from '@tensorflow/tfjs-core';
import { type Check, expectWithin, referenceBackend, valuesOn } from './check.js';

/** tfjs's composition on its CPU backend against the backend's kernel: within `bound` of the largest magnitude. */
async function compare(backend: string, run: () => tf.Tensor, bound: number, label: string): Promise<void> {
  const expected = await valuesOn(referenceBackend, run);
  const largest = expected.reduce((a, v) => Math.max(a, Math.abs(v)), 1e-30);
  expectWithin(
    await valuesOn(backend, run),
    expected,
    () => bound * largest,
    () => label,
  );
}

const rmsNorm: Check = {
  name: 'RMSNorm',
  async run(backend) {
    const random = randomSource(31);
    for (const width of [1, 3, 8, 192, 515]) {
      const rows = integer(random, 1, 300);
      const x = uniformValues(random, rows * width);
      const weight = uniformValues(random, width);
      // A mean of positive numbers, a division within 2.5 and a root within 2 units, two products.
      await compare(
        backend,
        () =>
          operators
            .get('rms_norm')
            .run([tf.tensor2d(x, [rows, width]), tf.tensor1d(weight)], { epsilon: 1e-5 }),
        16 * 2 ** -24,
        `width ${width}`,
      );
    }
  },
};

const swiGlu: Check = {
  name: 'SwiGLU',
  async run(backend) {
    const random = randomSource(32);
    for (const length of [1, 7, 4096, 9001]) {
      const gate = uniformValues(random, length).map((v, i) => v * (i % 3 === 0 ? 100 : 5));
      const up = uniformValues(random, length);
      // WGSL's exponential is within 3 + 2|x| units; a sum, a quotient within 2.5 units and two products follow.
      await compare(
        backend,
        () => operators.get('swiglu').run([tf.tensor1d(gate), tf.tensor1d(up)], {}),
        (3 + 2 * 100 + 2 * 4) * 2 ** -24,
        `length ${length}`,
      );
    }
  },
};

const rotaryEmbedding: Check = {
  name: 'rotary embedding, from the start and behind other positions',
  async run(backend) {
    const random = randomSource(33);
    for (const headSize of [2, 6, 32, 128]) {
      const [batch, sequence, heads] = [2, 19, 3];
      const frequencies = Array.from({ length: headSize / 2 }, (_, i) => 10000 ** ((-2 * i) / headSize));
      const x = uniformValues(random, batch * sequence * heads * headSize);
      for (const start of [undefined, 7]) {
        const attributes = { frequencies, attentionScale: 1.1 };
        const tables = (length: number): tf.Tensor[] =>
          ['cos', 'sin'].map((part) =>
            operators
              .get('rotary_table')
              .run([tf.zeros([batch, sequence], 'int32'), tf.zeros([batch, length, 1])], {
                ...attributes,
                part,
              }),
          );
        const run = (): tf.Tensor =>
          operators
            .get('rotary_embedding')
            .run(
              [
                tf.tensor3d(x, [batch, sequence, heads * headSize]),
                ...(start === undefined ? [] : tables(start)),
              ],
              attributes,
            );
        // Two products and a sum.
        await compare(backend, run, 3 * 2 ** -24, `head size ${headSize}, start ${start}`);
      }
    }
  },
};

const attention: Check = {
  name: 'causal attention with grouped-query heads',
  async run(backend) {
    const random = randomSource(34);
    const shapes = [
      { batch: 1, queries: 1, keys: 1, heads: 1, keyValueHeads: 1, headSize: 4 },
      { batch: 2, queries: 1, keys: 77, heads: 4, keyValueHeads: 2, headSize: 16 },
      { batch: 1, queries: 3, keys: 40, heads: 3, keyValueHeads: 1, headSize: 5 },
      { batch: 2, queries: 65, keys: 65, heads: 6, keyValueHeads: 2, headSize: 32 },
      { batch: 1, queries: 9, keys: 150, heads: 2, keyValueHeads: 2, headSize: 100 },
    ];
    for (const s of shapes) {
      const width = s.heads * s.headSize;
      const keyWidth = s.keyValueHeads * s.headSize;
      const q = uniformValues(random, s.batch * s.queries * width).map((v) => v * 3);
      const k = uniformValues(random, s.batch * s.keys * keyWidth).map((v) => v * 3);
      const v = uniformValues(random, s.batch * s.keys * keyWidth);
      const attributes = {
        heads: s.heads,
        keyValueHeads: s.keyValueHeads,
        headSize: s.headSize,
        scale: 1 / Math.sqrt(s.headSize),
      };
      // Scores up to 9·√headSize are off by headSize half units of themselves, and the exponential turns an
      // absolute error of a score into a relative error of its weight; the weights' sum and the values add theirs.
      const bound = (s.headSize * 9 * Math.sqrt(s.headSize) + 2 * s.keys) * 2 ** -24;
      await compare(
        backend,
        () =>
          operators
            .get('attention')
            .run(
              [
                tf.tensor3d(q, [s.batch, s.queries, width]),
                tf.tensor3d(k, [s.batch, s.keys, keyWidth]),
                tf.tensor3d(v, [s.batch, s.keys, keyWidth]),
              ],
              attributes,
            ),
        bound,
        JSON.stringify(s),
      );
    }
  },
};

const appendedRows: Check = {
  name: 'rows appended to rows, step by step, in memory that grows and is shared',
  async run(backend) {
    const random = randomSource(35);
    for (const batch of [1, 2]) {
      const width = 5;
      const pieces = [3, 1, 1, 70, 1, 200].map((length) => ({
        length,
        values: uniformValues(random, batch * length * width),
      }));
      const grow = (past: tf.Tensor, { length, values }: (typeof pieces)[number]): tf.Tensor =>
        operators.get('append_rows').run([past, tf.tensor3d(values, [batch, length, width])], {});
      // A slice, because the memory may hold more than the tensor. No arithmetic: the same bits.
      const whole = (x: tf.Tensor): tf.Tensor => tf.slice(x, [0, 0, 0], x.shape as [number, number, number]);
      const all = (): tf.Tensor => whole(pieces.reduce(grow, tf.zeros([batch, 0, width])));
      await compare(backend, all, 0, `batch ${batch}`);
      // Two continuations of one beginning must not write over each other, nor over the beginning.
      const forked = (): tf.Tensor => {
        const start = grow(grow(tf.zeros([batch, 0, width]), pieces[0]), pieces[1]);
        const one = grow(start, pieces[2]);
        const other = grow(start, pieces[3]);
        return tf.concat([one, other, start].map(whole) as tf.Tensor3D[], 1);
      };
      await compare(backend, forked, 0, `forked, batch ${batch}`);
    }
  },
};

/** Checks of the fused float kernels, for any backend. */
export const fusedChecks: readonly Check[] = [rmsNorm, swiGlu, rotaryEmbedding, attention, appendedRows];
