// Trains the digits MLP from random weights with DiffQ at several penalties and seeds, and draws size against accuracy.
// Writes sweep.json and sweep.svg beside this file; runs that sweep.json holds already are not done again. Each takes
// ten seconds on a quiet machine.
//   node sweep.js [penalties, such as 0.1,1,5,20] [seeds, such as 1,2,3]
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { diffq } from '@tamp/diffq';
import { createMlp } from '@tamp/models';
import { evaluateLabelled, runTraining } from '@tamp/training-pipeline';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { readDigits } from './digits-data.js';
import { drawSweep } from './draw-sweep.js';

const numbers = (text) => text.split(',').map(Number);
const penalties = numbers(process.argv[2] ?? '0,0.1,1,5,20');
const seeds = numbers(process.argv[3] ?? '1,2,3,4,5,6');
const mebibyte = 2 ** 20;

tf.enableProdMode();
await tf.setBackend('wasm');
const { training, testing } = await readDigits();

async function train(penalty, seed) {
  const options = diffq.options.parse({ groupSize: 8, minSize: 0.001, penalty, learningRate: 1e-2, seed });
  const { model, history } = await runTraining(
    createMlp({ widths: [64, 256, 256, 10], seed }),
    [{ name: diffq.name, modifier: diffq.create(options) }],
    { data: training, epochs: 30, batchSize: 64, optimizer: { kind: 'adam', learningRate: 2e-3 }, seed },
  );
  const { accuracy } = await evaluateLabelled(model, testing);
  const { bytes, meanBits } = history.at(-1).figures;
  return { accuracy, size: bytes / mebibyte, meanBits };
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const beside = (name) => new URL(`./${name}`, import.meta.url);
const known = existsSync(beside('sweep.json')) ? JSON.parse(readFileSync(beside('sweep.json'), 'utf8')) : [];
const rows = new Map(known.map((row) => [row.penalty, row.runs]));
for (const seed of seeds) {
  for (const penalty of penalties) {
    const runs = rows.get(penalty) ?? [];
    rows.set(penalty, runs);
    if (runs.some((run) => run.seed === seed)) continue;
    const run = await train(penalty, seed);
    runs.push({ seed, ...run });
    console.log(
      `penalty ${penalty}, seed ${seed}: accuracy ${run.accuracy.toFixed(4)}, ${run.size.toFixed(5)} MiB, ${run.meanBits.toFixed(3)} bits`,
    );
    await write();
  }
}

/** Writes the figures and the plot so far. */
async function write() {
  const sorted = [...rows].filter(([, runs]) => runs.length > 0).sort(([a], [b]) => a - b);
  const means = sorted.map(([penalty, runs]) => ({
    penalty,
    accuracy: mean(runs.map(({ accuracy }) => accuracy)),
    size: mean(runs.map(({ size }) => size)),
    runs,
  }));
  writeFileSync(beside('sweep.json'), `${JSON.stringify(means, null, 2)}\n`);
  writeFileSync(beside('sweep.svg'), await drawSweep(means));
}

await write();
for (const [penalty, runs] of [...rows].sort(([a], [b]) => a - b)) {
  const [accuracy, size] = ['accuracy', 'size'].map((key) => mean(runs.map((run) => run[key])));
  console.log(
    `penalty ${penalty}, ${runs.length} seeds: accuracy ${accuracy.toFixed(4)}, ${size.toFixed(5)} MiB`,
  );
}
