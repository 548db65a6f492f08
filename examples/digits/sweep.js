// Trains the digits MLP from random weights with DiffQ at several penalties, three seeds each, and draws size against
// accuracy. Writes sweep.json and sweep.svg beside this file. Takes a few minutes.
//   node sweep.js [penalties, such as 0.1,1,5,20] [seeds, such as 1,2,3]
import { readFileSync, writeFileSync } from 'node:fs';
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
const seeds = numbers(process.argv[3] ?? '1,2,3');
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
const rows = [];
for (const penalty of penalties) {
  const runs = [];
  for (const seed of seeds) {
    const run = await train(penalty, seed);
    runs.push({ seed, ...run });
    console.log(
      `penalty ${penalty}, seed ${seed}: accuracy ${run.accuracy.toFixed(4)}, ${run.size.toFixed(5)} MiB, ${run.meanBits.toFixed(3)} bits`,
    );
  }
  const row = {
    penalty,
    accuracy: mean(runs.map(({ accuracy }) => accuracy)),
    size: mean(runs.map(({ size }) => size)),
    runs,
  };
  rows.push(row);
  console.log(`penalty ${penalty}: accuracy ${row.accuracy.toFixed(4)}, ${row.size.toFixed(5)} MiB`);
}

const beside = (name) => new URL(`./${name}`, import.meta.url);
writeFileSync(beside('sweep.json'), `${JSON.stringify(rows, null, 2)}\n`);
writeFileSync(beside('sweep.svg'), await drawSweep(JSON.parse(readFileSync(beside('sweep.json'), 'utf8'))));
