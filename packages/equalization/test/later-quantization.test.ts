import { expectNoTensorLeaks } from '@tamp/fixtures/tensor-leaks';
import '@tensorflow/tfjs-backend-cpu';
import { type AffineScheme, type PlannedQuantization, type PlannedTarget, runBasic } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import equalization, { type EqualizationOptions } from '../src/index.js';
import { block, decoderBlock, normalBatches } from './decoder-models.js';

beforeAll(() => tf.setBackend('cpu'));
expectNoTensorLeaks();

const calibration = normalBatches([5, block.width]);
const groups: AffineScheme = {
  bits: 4,
  symmetric: true,
  granularity: { kind: 'group', groupSize: block.width / 2 },
};
const fewBits: PlannedQuantization = { weights: groups, activation: 'none' };
const layers = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'];

function later(quantization: PlannedQuantization, of: readonly string[] = layers): readonly PlannedTarget[] {
  return of.map((layer) => ({
    layer,
    parameter: `${layer}.weight`,
    scheme: 'whatever',
    quantization,
    bytesBefore: 0,
    bytesAfter: 0,
  }));
}

/** Equalizes as a recipe with these later modifiers would: how each layer was planned, done and what was said of it. */
async function equalize(options: EqualizationOptions, targets: readonly PlannedTarget[]) {
  const modifier = equalization.create(equalization.options.parse(options));
  const plan = modifier.plan(decoderBlock(), targets);
  const result = await runBasic(decoderBlock(), [{ name: 'equalization', modifier }], calibration);
  return {
    planned: plan.targets.map(({ layer, scheme }) => `${layer}: ${scheme}`),
    done: result.layers.map(({ layer, scheme, figures }) => ({ layer, scheme, figures })),
    notes: result.layers.map(({ layer, note }) => `${layer}: ${note}`),
  };
}

describe('what is assumed of the quantization that follows', () => {
  it('is what later modifiers say, as if it had been an option', async () => {
    const told = await equalize({}, later(fewBits));
    const weights = { bits: 4, groupSize: block.width / 2 };
    const asked = await equalize({ quantization: { activation: 'none', weights } }, []);
    expect(told).toEqual(asked);
    expect(told.planned[0]).toBe('q: smooth for W4 g8 sym, into norm');
    expect(told.notes[0]).toBe('q: with W4 g8 sym in mind');
    expect(told.done).not.toEqual((await equalize({}, [])).done);
  });

  it('is int8 where nobody says, layer by layer', async () => {
    const { planned } = await equalize({}, later(fewBits, ['down']));
    expect(planned).toContain('q: smooth for W8 channel sym A8 token, into norm');
    expect(planned).toContain('down: smooth for W4 g8 sym, into up');
  });

  it('is what the options say in the first place', async () => {
    const options = { quantization: { activation: 'tensor', weights: 'tensor' } } as const;
    expect(await equalize(options, later(fewBits))).toEqual(await equalize(options, []));
    const { planned } = await equalize({ quantization: { activation: 'token' } }, later(fewBits));
    expect(planned[0]).toBe('q: smooth for W4 g8 sym A8 token, into norm');
  });

  it('may be any scheme: with zero points, per channel, of other bits', async () => {
    const schemes: readonly AffineScheme[] = [
      { ...groups, symmetric: false },
      { bits: 3, symmetric: false, granularity: { kind: 'channel' } },
      { bits: 8, symmetric: false, granularity: { kind: 'tensor' } },
    ];
    for (const weights of schemes) {
      const { done } = await equalize({}, later({ weights, activation: 'block' }));
      const gains = done.map(({ figures = {} }) => figures.snrDbGain);
      // Every third channel is 64 times too loud for its weights: each scheme loses some of the quiet ones.
      expect(gains.reduce((sum, gain) => sum + gain, 0)).toBeGreaterThan(6);
    }
  });
});
