import '@tensorflow/tfjs-backend-cpu';
import { createModelRunner } from '@tamp/core';
import { memoryStorage } from '@tamp/sequential-pipeline';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  planRecipe,
  prepareRecipe,
  type RunEvent,
  type RunOptions,
  type RunOutcome,
  runRecipe,
  stagesOf,
} from '../src/index.js';
import { exportBytes, type MemoryHost, memoryHost } from './world/memory-host.js';
import { tinyModel, vocabulary } from './world/tiny-model.js';

beforeAll(async () => {
  tf.enableProdMode();
  await tf.setBackend('cpu');
});

const evaluation = 'data: { evaluation: { text: eval.txt, sequenceLength: 8, windows: 5 } }';
const halved = `model: model
${evaluation}
modifiers:
  - use: "@test/halve"
export: [{ to: out/model.tamp.zip }]
`;

async function run(text: string, host: MemoryHost, options: RunOptions = {}): Promise<RunOutcome> {
  const prepared = await prepareRecipe(text, 'recipe.yaml', host);
  try {
    return await runRecipe(prepared, host, options);
  } finally {
    await prepared.close();
  }
}

describe('a run', () => {
  it('evaluates before and after, modifies, exports, and frees every tensor', async () => {
    const host = memoryHost();
    const tensors = tf.memory().numTensors;
    const events: RunEvent[] = [];
    const { result, missedGates } = await run(halved, host, { onEvent: (event) => events.push(event) });

    expect(tf.memory().numTensors).toBe(tensors);
    expect(missedGates).toEqual([]);
    expect(Object.keys(result)).toEqual([
      'model',
      'evaluation',
      'sizes',
      'artifacts',
      'layers',
      'seconds',
      'peakMemoryBytes',
    ]);
    expect(result.model).toBe('/models/model');
    const { before, after } = result.evaluation;
    // float16 keeps 11 bits of each weight: the loss moves, but by far less than a percent.
    expect(after?.perplexity).not.toBe(before?.perplexity);
    expect(after?.perplexity).toBeCloseTo(before?.perplexity ?? 0, 1);
    const all = 16 * 12 + 12 * 12 + 16 * 12;
    expect(result.sizes).toEqual({ before: 4 * all, after: 4 * 16 * 12 + 2 * (12 * 12 + 16 * 12) });
    expect(result.artifacts).toEqual([{ path: 'out/model.tamp.zip', bytes: exportBytes }]);
    expect(result.layers.map(({ layer }) => layer)).toEqual(['layers.0', 'lm_head']);
    expect(result.seconds).toBeGreaterThan(0);
    expect([...host.written.keys()]).toEqual(['out/model.tamp.zip']);
    expect(host.open.size).toBe(0);

    const stages = ['evaluate-before', 'modify', 'evaluate-after', 'export'];
    expect(events.filter(({ kind }) => kind === 'start').map(({ stage }) => stage)).toEqual(stages);
    expect(events.filter(({ kind }) => kind === 'end').map(({ stage }) => stage)).toEqual(stages);
    expect(events).toContainEqual({
      kind: 'progress',
      stage: 'modify',
      done: 2,
      total: 2,
      detail: 'lm_head',
    });
    expect(events).toContainEqual({ kind: 'progress', stage: 'evaluate-after', done: 5, total: 5 });
  });

  it('measures the perplexity that the definition gives', async () => {
    const { result } = await run(halved, memoryHost());
    const runner = createModelRunner(tinyModel());
    let loss = 0;
    let tokens = 0;
    for (let window = 0; window < 5; window++) {
      const ids = Array.from({ length: 8 }, (_, i) => (window * 8 + i) % vocabulary);
      const input = tf.tensor2d([ids], undefined, 'int32');
      const { logits } = await runner.run({ input_ids: input });
      const rows = (await logits.array()) as number[][][];
      tf.dispose([input, logits]);
      for (let at = 0; at < 7; at++) {
        const sum = rows[0][at].reduce((total, logit) => total + Math.exp(logit), 0);
        loss -= Math.log(Math.exp(rows[0][at][ids[at + 1]]) / sum);
        tokens++;
      }
    }
    runner.dispose();
    // Two ways to sum in float64: they agree to its rounding.
    expect(result.evaluation.before?.perplexity).toBeCloseTo(Math.exp(loss / tokens), 9);
  });

  it('evaluates as many windows at a time as it is told, to the same perplexity', async () => {
    const prepared = await prepareRecipe(halved, 'recipe.yaml', memoryHost());
    const whole = await runRecipe(prepared, memoryHost());
    const done: number[] = [];
    const single = await runRecipe({ ...prepared, evaluationBatch: 1 }, memoryHost(), {
      onEvent: (event) => {
        if (event.kind === 'progress' && event.stage === 'evaluate-before') done.push(event.done);
      },
    });
    await prepared.close();
    expect(done).toEqual([1, 2, 3, 4, 5]);
    // Sums in float64, in another order: they agree to its rounding.
    expect(single.result.evaluation.before?.perplexity).toBeCloseTo(
      whole.result.evaluation.before?.perplexity ?? 0,
      9,
    );
  });

  it('lets calibration windows flow past modifiers that observe, one at a time', async () => {
    const host = memoryHost();
    await run(
      'model: model\ndata: { calibration: { text: eval.txt, sequenceLength: 4, samples: 3 } }\nmodifiers: [{ use: "@test/count" }]\n',
      host,
    );
    expect(host.seen).toEqual([4 * 12, 4 * 12, 4 * 12]);
  });

  it('lets them flow part by part through the blocks that the pipeline names, on disk where it says so', async () => {
    const recipe = (pipeline: string) =>
      `model: model\ndata: { calibration: { text: eval.txt, sequenceLength: 4, samples: 3 } }\nmodifiers: [{ use: "@test/count" }]\npipeline: ${pipeline}\n`;
    const tensors = tf.memory().numTensors;
    const saved: number[] = [];
    let closed = 0;
    const scratch = async () => {
      const memory = memoryStorage();
      return {
        ...memory,
        save: (bytes: Uint8Array) => {
          saved.push(bytes.byteLength);
          return memory.save(bytes);
        },
        close: async () => void closed++,
      };
    };
    const host = { ...memoryHost(), openScratch: scratch };
    const progress: (string | undefined)[] = [];
    await run(recipe('{ targets: [layers.0], intermediates: disk }'), host, {
      onEvent: (event) => {
        if (event.kind === 'progress') progress.push(event.detail);
      },
    });
    expect(host.seen).toEqual([4 * 12, 4 * 12, 4 * 12]);
    // Three windows of 4 tokens, then their 4 × 12 embeddings.
    expect(saved).toEqual([16, 16, 16, 192, 192, 192]);
    expect(closed).toBe(1);
    expect(progress).toContain('before layers.0: passing on its outputs, window 3 of 3');
    expect(progress).toContain('layers.0: calibrating for @test/count, window 3 of 3');
    expect(tf.memory().numTensors).toBe(tensors);

    const basic = memoryHost();
    await run(recipe('{ kind: basic }'), basic);
    expect(basic.seen).toEqual(host.seen);

    const prepared = await prepareRecipe(recipe('{ targets: [layers.0] }'), 'recipe.yaml', memoryHost());
    // Tokens come in while their embeddings are made; the weights of one part at a time.
    expect(planRecipe(prepared).pipeline).toEqual({
      kind: 'sequential',
      subgraphs: 2,
      intermediateBytes: 3 * 4 * (4 + 4 * 12),
      intermediates: 'memory',
      batchSize: 3,
    });
    // Of the first part tokens and embeddings flow at a time, of all three windows.
    const flowing = 3 * 4 * (4 + 4 * 12);
    expect(planRecipe(prepared).memoryBytes).toBe(3 * 4 * (4 + 4 * 12) + flowing + 4 * (12 * 12 + 16 * 12));
    await prepared.close();
  });

  it('sends a tokenizer of its own along with the model', async () => {
    const host = memoryHost();
    await run(`${halved}tokenizer: tokenizer\n`, host);
    expect([...(host.written.get('out/model.tamp.zip')?.assets.keys() ?? [])]).toEqual(['tokenizer.json']);
    expect(host.open.size).toBe(0);
  });

  it('has no evaluation without a text', async () => {
    const { result } = await run('model: model\nmodifiers: [{ use: "@test/halve" }]\n', memoryHost());
    expect(result.evaluation).toEqual({ before: null, after: null });
    expect(result.artifacts).toEqual([]);
  });

  it('does not evaluate when it is told not to', async () => {
    const host = memoryHost();
    const prepared = await prepareRecipe(halved, 'recipe.yaml', host, { evaluate: false });
    expect(stagesOf(prepared)).toEqual(['modify', 'export']);
    const { result } = await runRecipe(prepared, host);
    await prepared.close();
    expect(result.evaluation).toEqual({ before: null, after: null });
  });

  it('refuses a quality gate when it is told not to evaluate', async () => {
    const text = `${halved}gates: { perplexityIncrease: 1 }\n`;
    await expect(prepareRecipe(text, 'recipe.yaml', memoryHost(), { evaluate: false })).rejects.toThrow(
      'cannot be checked without evaluation',
    );
  });

  it('stops at a loss that is no number and leaves nothing', async () => {
    const host = memoryHost();
    const tensors = tf.memory().numTensors;
    await expect(run(halved.replace('@test/halve', '@test/poison'), host)).rejects.toThrow(
      /^eval\.txt, lm_head\.weight: the model's loss is NaN in windows 1 to 5: value 0 of this weight is NaN\./,
    );
    expect(host.written.size).toBe(0);
    expect(host.open.size).toBe(0);
    expect(tf.memory().numTensors).toBe(tensors);
  });
});

describe('gates', () => {
  it('discards an export that is too large', async () => {
    const host = memoryHost();
    const { result, missedGates } = await run(`${halved}gates: { maxBytes: 999 }\n`, host);
    expect(missedGates).toEqual([
      { gate: 'maxBytes', limit: 999, actual: exportBytes, artifact: 'out/model.tamp.zip' },
    ]);
    expect(result.artifacts).toEqual([]);
    expect(host.written.size + host.staged.size).toBe(0);
  });

  it('keeps it when asked to', async () => {
    const host = memoryHost();
    const { result, missedGates } = await run(`${halved}gates: { maxBytes: 999 }\n`, host, {
      keepOnMissedGate: true,
    });
    expect(missedGates).toHaveLength(1);
    expect(result.artifacts).toHaveLength(1);
    expect(host.written.size).toBe(1);
  });

  it('takes a limit that is reached exactly as kept', async () => {
    const { missedGates } = await run(`${halved}gates: { maxBytes: ${exportBytes} }\n`, memoryHost());
    expect(missedGates).toEqual([]);
  });

  it('compares perplexities as a fraction of the one before', async () => {
    const host = memoryHost();
    const { result } = await run(halved, host);
    const before = result.evaluation.before?.perplexity ?? 0;
    const after = result.evaluation.after?.perplexity ?? 0;
    const rise = after / before - 1;
    const kept = await run(`${halved}gates: { perplexityIncrease: ${Math.abs(rise)} }\n`, memoryHost());
    expect(kept.missedGates).toEqual([]);
    if (rise > 0) {
      const missed = await run(`${halved}gates: { perplexityIncrease: 0 }\n`, memoryHost());
      expect(missed.missedGates).toEqual([{ gate: 'perplexityIncrease', limit: 0, actual: rise }]);
      expect(missed.result.artifacts).toEqual([]);
    }
  });
});

describe('an abort', () => {
  for (const stage of ['evaluate-before', 'modify', 'evaluate-after', 'export'] as const) {
    it(`during ${stage} leaves nothing`, async () => {
      const host = memoryHost();
      const tensors = tf.memory().numTensors;
      const controller = new AbortController();
      const running = run(halved, host, {
        signal: controller.signal,
        onEvent: (event) => {
          if (event.stage === stage && event.kind === 'progress') controller.abort();
        },
      });
      await expect(running).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
      expect(host.written.size + host.staged.size + host.open.size).toBe(0);
      expect(tf.memory().numTensors).toBe(tensors);
    });
  }
});

describe('a plan', () => {
  it('says what would be done and what it costs, without doing it', async () => {
    const host = memoryHost();
    const prepared = await prepareRecipe(halved, 'recipe.yaml', host);
    const plan = planRecipe(prepared);
    await prepared.close();
    const { result } = await run(halved, memoryHost());
    expect(plan.sizes).toEqual(result.sizes);
    expect(plan.modifiers[0].targets.map(({ layer }) => layer)).toEqual(
      result.layers.map(({ layer }) => layer),
    );
    expect(plan.evaluation).toEqual({ windows: 5, sequenceLength: 8 });
    expect(plan.calibration).toBeNull();
    // All weights in float32, and a batch of logits twice.
    expect(plan.memoryBytes).toBe(4 * (16 * 12 + 12 * 12 + 16 * 12) + 2 * 5 * 8 * vocabulary * 4 * (8 / 5));
    expect(host.written.size).toBe(0);
  });
});
