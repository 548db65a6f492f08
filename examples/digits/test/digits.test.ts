import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createModelRunner, type Model } from '@tamp/core';
import { diffq } from '@tamp/diffq';
import { exportArchive, openArchiveFile } from '@tamp/export-zip/node';
import { createConvNet, createMlp } from '@tamp/models';
import { runTraining, sliceSamples } from '@tamp/training-pipeline';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readDigits } from '../digits-data.js';

const here = fileURLToPath(new URL('..', import.meta.url));
const tamp = fileURLToPath(new URL('../../../apps/runner/bin/tamp.js', import.meta.url));
const run = promisify(execFile);

let folder = '';
beforeAll(async () => {
  tf.enableProdMode();
  await tf.setBackend('wasm');
  folder = await mkdtemp(join(tmpdir(), 'tamp-digits-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function logits(model: Model, input: tf.Tensor): Promise<Float32Array> {
  const runner = createModelRunner(model);
  const { logits: output } = await runner.run({ input });
  const values = Float32Array.from(await output.data());
  output.dispose();
  runner.dispose();
  return values;
}

const mlp = createMlp({ widths: [64, 256, 256, 10], seed: 1 });
const cnn = createConvNet({
  input: [1, 8, 8],
  convolutions: [{ channels: 16 }, { channels: 32 }],
  widths: [64, 10],
  seed: 1,
});

describe.each([
  { name: 'mlp', model: mlp, shape: [64], epochs: 3, backend: 'wasm' },
  // tfjs's wasm backend has no gradient of a convolution by its weight.
  { name: 'cnn', model: cnn, shape: [1, 8, 8], epochs: 1, backend: 'cpu' },
])('$name', ({ name, model, shape, epochs, backend }) => {
  test('the archive is small, and runs with the bits of the model in memory', async () => {
    await tf.setBackend(backend);
    const before = tf.memory().numTensors;
    const { training, testing } = await readDigits();
    const settings = { groupSize: 8, minSize: 0.001, penalty: 20, learningRate: 0.05, seed: 1 };
    const { model: trained, history } = await runTraining(
      model,
      [{ name: diffq.name, modifier: diffq.create(diffq.options.parse(settings)) }],
      {
        data: sliceSamples(training, 0, name === 'cnn' ? 256 : 1437),
        epochs,
        optimizer: { kind: 'adam', learningRate: 2e-3 },
      },
    );
    const path = join(folder, `${name}.tamp.zip`);
    await exportArchive(trained, path);
    const { bytes } = history[epochs - 1].figures;
    const written = (await stat(path)).size;
    // The manifest and the graph of a network this small weigh more beside the convolutional one's 10 kB.
    expect(written).toBeLessThanOrEqual((name === 'mlp' ? 1.1 : 1.4) * bytes);
    const archive = await openArchiveFile(path);
    const pixels = Float32Array.from(testing.inputs.input.values, (value) => value / 16);
    const input = tf.tensor(pixels, [pixels.length / 64, ...shape]);
    expect(await logits(archive.model, input)).toEqual(await logits(trained, input));
    await archive.close();
    input.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  test('its recipe runs, writes, and resumes from its checkpoint to the same archive', async () => {
    const work = await mkdtemp(join(folder, 'recipe-'));
    for (const file of [name, 'digits.safetensors'])
      await cp(join(here, file), join(work, file), { recursive: true });
    const text = (await readFile(join(here, `${name}.yaml`), 'utf8')).replace(/^gates:[\s\S]*$/m, '');
    const quick = text
      .replace(/rows: \[0, \d+\]/, 'rows: [0, 192]')
      .replace(/targetSize: 0\.14/, 'targetSize: 0.24');
    const recipe = async (file: string, epochs: number, checkpoint: string): Promise<Buffer> => {
      const content = quick
        .replace(/epochs: \d+/, `epochs: ${epochs}\n  checkpoint: ${checkpoint}`)
        .replace(`out/${name}`, `out/${file}`);
      await writeFile(join(work, `${file}.yaml`), content);
      const { stdout } = await run(process.execPath, [tamp, 'run', `${file}.yaml`, '--json'], { cwd: work });
      const result = JSON.parse(stdout);
      expect(result.training.length).toBe(epochs);
      expect(result.evaluation.before.accuracy).toBeGreaterThan(0.97);
      return readFile(join(work, `out/${file}.tamp.zip`));
    };
    const whole = await recipe('whole', 2, 'whole.safetensors');
    await recipe('half', 1, 'half.safetensors');
    await writeFile(join(work, 'resumed.safetensors'), await readFile(join(work, 'half.safetensors')));
    expect(await recipe('resumed', 2, 'resumed.safetensors')).toEqual(whole);
  }, 300_000);
});
