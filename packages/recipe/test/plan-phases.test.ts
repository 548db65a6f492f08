import '@tensorflow/tfjs-backend-cpu';
import { isTampError } from '@tamp/core';
import { memoryStorage } from '@tamp/sequential-pipeline';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  fitMemory,
  type MachineSpeed,
  type PreparedRecipe,
  planRecipe,
  prepareRecipe,
  runRecipe,
} from '../src/index.js';
import { memoryHost } from './world/memory-host.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const speed: MachineSpeed = {
  processBytes: 1_000_000_000,
  multiplyAddsPerSecond: 1000,
  numberBytesPerSecond: 10,
  levelBytesPerSecond: 20,
};

async function prepare(text: string): Promise<PreparedRecipe> {
  const prepared = await prepareRecipe(text, 'recipe.yaml', {
    ...memoryHost(),
    openScratch: async () => memoryStorage(),
  });
  await prepared.close();
  return prepared;
}

const evaluated = `model: model
data: { evaluation: { text: eval.txt, sequenceLength: 8, windows: 5 } }
modifiers: [{ use: "@test/halve" }]
export: [{ to: out/model.tamp.zip }]
`;
const calibrated = `model: model
data: { calibration: { text: eval.txt, sequenceLength: 4, samples: 3 } }
modifiers: [{ use: "@test/count" }]
pipeline: { targets: [layers.0] }
`;

describe('the stages of a plan', () => {
  it('come in the order of the run, and not without a speed to reckon with', async () => {
    const prepared = await prepare(evaluated);
    expect(planRecipe(prepared).phases).toEqual([]);
    const { phases } = planRecipe(prepared, speed);
    expect(phases.map(({ stage }) => stage)).toEqual([
      'evaluate-before',
      'modify',
      'evaluate-after',
      'export',
    ]);
  });

  it('take time in proportion to windows and bytes; what modifiers take only a trial shows', async () => {
    const prepared = await prepare(evaluated);
    const plan = planRecipe(prepared, speed);
    const [before, modify, after, written] = plan.phases;
    expect(before.seconds).toBeGreaterThan(0);
    expect(after.seconds).toBe(before.seconds);
    expect(modify.seconds).toBeNull();
    // The two layers once at 20 bytes a second, the embedding at 10.
    const layers = 2 * (12 * 12 + 16 * 12);
    expect(written.seconds).toBe(layers / 20 + (plan.sizes.after - layers) / 10);
    expect(written.diskBytes).toBe(plan.sizes.after);
    const twice = planRecipe(prepared, { ...speed, multiplyAddsPerSecond: 2000 });
    expect(twice.phases[0].seconds).toBe((before.seconds ?? 0) / 2);
  });

  it('hold the process itself, and on disk what the pipeline puts there', async () => {
    const prepared = await prepare(calibrated);
    const [modify] = planRecipe(prepared, speed).phases;
    expect(modify.memoryBytes).toBeGreaterThan(speed.processBytes);
    const [onDisk] = planRecipe(
      await prepare(calibrated.replace('[layers.0]', '[layers.0], intermediates: disk')),
      speed,
    ).phases;
    // Three windows of 4 tokens and their 4 × 12 embeddings move from memory to disk.
    const intermediates = 3 * 4 * (4 + 4 * 12);
    expect(modify.memoryBytes - onDisk.memoryBytes).toBe(intermediates);
    expect(onDisk.diskBytes - modify.diskBytes).toBe(intermediates);
  });

  it('keep on disk what a run is taken up from, and nothing where the whole model is calibrated at once', async () => {
    const halved = calibrated.replace('"@test/count" }', '"@test/count" }, { use: "@test/halve" }');
    // Both layers as float16; what enters and leaves the first block, of three windows of 4 tokens.
    const [blocks] = planRecipe(await prepare(halved), speed).phases;
    expect(blocks.diskBytes).toBe(2 * (12 * 12 + 16 * 12) + 3 * 4 * (4 + 4 * 12));
    for (const intermediates of ['memory', 'disk']) {
      const whole = halved.replace('targets: [layers.0]', `kind: basic, intermediates: ${intermediates}`);
      const [basic] = planRecipe(await prepare(whole), speed).phases;
      expect(basic.stage).toBe('modify');
      expect(basic.diskBytes).toBe(0);
    }
  });
});

describe('a limit of memory', () => {
  it('leaves a recipe that fits as it is', async () => {
    const prepared = await prepare(calibrated);
    expect(fitMemory(prepared, 2e9, speed)).toBe(prepared);
  });

  it('evaluates one window at a time where that is enough', async () => {
    const prepared = await prepare(evaluated);
    const [{ memoryBytes }] = planRecipe(prepared, speed).phases;
    const fitting = fitMemory(prepared, memoryBytes - 1, speed);
    expect(fitting.evaluationBatch).toBe(1);
    // Logits of one window of 8 tokens instead of eight, on the backend and read back.
    const [smaller] = planRecipe(fitting, speed).phases;
    expect(memoryBytes - smaller.memoryBytes).toBe(2 * 7 * 8 * 16 * 4);
  });

  it('lets fewer calibration windows go together where that is enough, then moves what lies between parts to disk', async () => {
    const prepared = await prepare(calibrated);
    const peak = (of: PreparedRecipe): number => planRecipe(of, speed).phases[0].memoryBytes;
    const less = fitMemory(prepared, peak(prepared) - 1, speed);
    expect(less.recipe.pipeline).toMatchObject({ batchSize: 1, intermediates: 'memory' });
    // A window of 4 tokens as it enters and embedded, of widths 1 and 12, for one window instead of three.
    const flowing = 4 * 4 * (1 + 12);
    expect(peak(prepared) - peak(less)).toBe(2 * flowing);
    const least = fitMemory(prepared, peak(less) - 1, speed);
    expect(least.recipe.pipeline).toMatchObject({ intermediates: 'disk' });
  });

  it('moves nothing to disk where there is none, and a run of what another host prepared says so', async () => {
    const prepared = await prepareRecipe(calibrated, 'recipe.yaml', memoryHost());
    await prepared.close();
    const peak = (of: PreparedRecipe): number => planRecipe(of, speed).phases[0].memoryBytes;
    const less = fitMemory(prepared, peak(prepared) - 1, speed);
    expect(() => fitMemory(prepared, peak(less) - 1, speed)).toThrow(/does not fit/);
    const onDisk = await prepare(calibrated.replace('[layers.0]', '[layers.0], intermediates: disk'));
    await expect(runRecipe(onDisk, memoryHost())).rejects.toThrow(/there is no disk for intermediates here/);
  });

  it('starts from the number of windows that the recipe asks for', async () => {
    const asked = await prepare(calibrated.replace('[layers.0]', '[layers.0], batchSize: 2'));
    expect(planRecipe(asked, speed).pipeline?.batchSize).toBe(2);
    const [{ memoryBytes }] = planRecipe(asked, speed).phases;
    expect(fitMemory(asked, memoryBytes - 1, speed).recipe.pipeline.batchSize).toBe(1);
  });

  it('is refused with the smallest that would do, which then does', async () => {
    const prepared = await prepare(calibrated);
    try {
      fitMemory(prepared, 1e6, speed);
      expect.unreachable();
    } catch (error) {
      if (!isTampError(error)) throw error;
      expect(error.code).toBe('usage');
      const least = /smallest limit that would do is (\d+) MB/.exec(error.remedy ?? '');
      expect(() => fitMemory(prepared, Number(least?.[1]) * 1e6, speed)).not.toThrow();
    }
  });

  it('names evaluation as the cause where it is', async () => {
    const prepared = await prepare(evaluated);
    expect(() => fitMemory(prepared, 1e6, { ...speed, processBytes: 0 })).toThrow(
      /does not fit 1 MB of memory.*evaluation takes most/s,
    );
  });
});
