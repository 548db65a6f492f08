// What a training step of the digits MLP costs with DiffQ, against the plain step: batch 64, groups of 8, Adam. The two
// take turns in one process; shown are the fastest blocks
// and the median ratio of neighbouring blocks' processor time, which other programs on the machine disturb least.
//   node step-cost.js [backends, such as wasm,cpu,tamp-cpu] [blocks]
import { registerCpuBackend } from '@tamp/backend-cpu';
import { DiffQuantizer } from '@tamp/diffq';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import '@tensorflow/tfjs-layers';

const backends = (process.argv[2] ?? 'wasm,cpu,tamp-cpu').split(',');
const blocks = Number(process.argv[3] ?? 20);
const stepsPerBlock = 5;
const batch = 64;
const widths = [64, 256, 256, 10];

/** The naive form: noise by tfjs operations, each with tfjs's own gradient. */
function composed(weight, logits, noise) {
  const groups = tf.reshape(weight, [-1, 8]);
  const t = tf.sigmoid(logits);
  const bits = tf.add(tf.mul(t, 15), tf.mul(tf.sub(1, t), 2));
  const scale = tf.div(1, tf.sub(tf.pow(2, bits), 1));
  const range = tf.sub(tf.max(weight), tf.min(weight));
  return tf.reshape(
    tf.add(groups, tf.mul(tf.mul(tf.reshape(scale, [-1, 1]), range), tf.mul(noise, 0.5))),
    weight.shape,
  );
}

/** A function that takes one training step of a fresh model of the given kind. */
function training(kind) {
  const parameters = widths.slice(1).flatMap((width, i) => [
    { name: `${kind}.${i}.weight`, variable: tf.variable(tf.randomUniform([widths[i], width], -0.1, 0.1)) },
    { name: `${kind}.${i}.bias`, variable: tf.variable(tf.zeros([width])) },
  ]);
  const images = tf.randomUniform([batch, widths[0]]);
  const labels = tf.cast(tf.oneHot(tf.randomUniform([batch], 0, 10, 'int32'), 10), 'float32');
  const optimizer = tf.train.adam(2e-3);
  let read = (variable) => variable;
  let trained = parameters.map(({ variable }) => variable);
  if (kind === 'diffq') {
    const quantizer = new DiffQuantizer(parameters, { groupSize: 8, minSize: 0.001 });
    quantizer.setupOptimizer(optimizer, { penalty: 5, learningRate: 1e-2 });
    read = (variable) => quantizer.value(variable);
  }
  if (kind === 'composed') {
    const logits = new Map(
      trained
        .filter(({ size }) => size > 262)
        .map((variable) => [variable, tf.variable(tf.fill([variable.size / 8], -0.15))]),
    );
    read = (variable) => {
      const own = logits.get(variable);
      return own === undefined ? variable : composed(variable, own, tf.randomNormal([own.size, 8]));
    };
    trained = [...trained, ...logits.values()];
  }
  const loss = () => {
    let x = images;
    for (let i = 0; i < parameters.length; i += 2) {
      x = tf.add(tf.matMul(x, read(parameters[i].variable)), read(parameters[i + 1].variable));
      if (i < parameters.length - 2) x = tf.relu(x);
    }
    return tf.losses.softmaxCrossEntropy(labels, x);
  };
  return () => optimizer.minimize(loss, true, trained).dispose();
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** Wall time and processor time of a block of steps, in milliseconds per step. */
function time(step) {
  const cpu = process.cpuUsage();
  const start = performance.now();
  for (let i = 0; i < stepsPerBlock; i++) step();
  const wall = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  return { wall: wall / stepsPerBlock, cpu: (user + system) / 1000 / stepsPerBlock };
}

tf.enableProdMode();
for (const name of backends) {
  if (name === 'tamp-cpu') await registerCpuBackend({ threads: 1 });
  await tf.setBackend(name);
  const kinds = ['plain', 'diffq', 'composed'];
  const steps = kinds.map(training);
  for (const step of steps) for (let i = 0; i < 3 * stepsPerBlock; i++) step();
  const seen = kinds.map(() => []);
  for (let block = 0; block < blocks; block++) {
    for (const [i, step] of steps.entries()) seen[i].push(time(step));
  }
  const [plain] = seen;
  const fastest = (list) => Math.min(...list.map(({ wall }) => wall));
  kinds.forEach((kind, i) => {
    const cpu = median(seen[i].map((block, k) => block.cpu / plain[k].cpu)).toFixed(2);
    const ratio = (fastest(seen[i]) / fastest(plain)).toFixed(2);
    console.log(
      `${name} ${kind}: ${fastest(seen[i]).toFixed(1)} ms a step, ${ratio} × plain; processor time ${cpu} × plain`,
    );
  });
}
