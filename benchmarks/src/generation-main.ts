import { fileURLToPath } from 'node:url';
import { registerCpuBackend } from '@tamp/backend-cpu';
import { createModelRunner, type Model } from '@tamp/core';
import { createGenerator } from '@tamp/generation';
import { openModelFolder } from '@tamp/models/node';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { Command } from 'commander';
import { compressed } from './contenders/tiny-llama.js';
import { median } from './median.js';
import { environment } from './report.js';

const program = new Command('bench:generation')
  .description(
    'Tokens per second of tiny-llama with its key-value cache, and when the prefix is computed anew.',
  )
  .option('--tokens <number>', 'tokens of one generation', '200')
  .option('--rounds <number>', 'generations of each kind, in turn', '5')
  .option('--threads <number>', 'threads to compute with');
program.parse();
const options: { tokens: string; rounds: string; threads?: string } = program.opts();
const count = Number(options.tokens);

/** Seconds of a greedy generation that runs the whole sequence for every token. */
async function withoutCache(
  runner: ReturnType<typeof createModelRunner>,
  prompt: readonly number[],
): Promise<number> {
  const started = performance.now();
  const ids = [...prompt];
  while (ids.length < prompt.length + count) {
    const input = tf.tensor2d(ids, [1, ids.length], 'int32');
    const { logits } = await runner.run({ input_ids: input });
    const last = tf.slice(logits, [0, ids.length - 1, 0], [1, 1, -1]);
    const values = await last.data<'float32'>();
    tf.dispose([input, logits, last]);
    ids.push(values.indexOf(values.reduce((a, b) => Math.max(a, b))));
  }
  return (performance.now() - started) / 1000;
}

/** Seconds of the same with the cache. */
async function withCache(
  generator: ReturnType<typeof createGenerator>,
  prompt: readonly number[],
): Promise<number> {
  const started = performance.now();
  for await (const _ of generator.generate({ prompt, maxTokens: count, endTokens: [] }));
  return (performance.now() - started) / 1000;
}

tf.enableProdMode();
const { name, threads, simd } = await registerCpuBackend(
  options.threads === undefined ? {} : { threads: Number(options.threads) },
);
await tf.setBackend(name);
const folder = fileURLToPath(new URL('../../examples/tiny-llama/model', import.meta.url));
const { model: original, close } = await openModelFolder(folder);
const prompt = Array.from({ length: 16 }, (_, i) => 300 + 11 * i);
console.log(
  `${environment()}; ${threads} threads, ${simd} SIMD; ${count} tokens behind ${prompt.length}, greedy\n`,
);
console.log('| model | with the cache | computed anew | ratio |');
console.log('| ----- | -------------- | ------------- | ----- |');
for (const variant of ['float32', 'w8a8', 'w4a16']) {
  const model: Model = await compressed(original, variant);
  const generator = createGenerator(model);
  const runner = createModelRunner(model);
  await withCache(generator, prompt);
  await withoutCache(runner, prompt.slice(0, 4));
  const cached: number[] = [];
  const anew: number[] = [];
  for (let round = 0; round < Number(options.rounds); round++) {
    cached.push(await withCache(generator, prompt));
    anew.push(await withoutCache(runner, prompt));
  }
  generator.dispose();
  runner.dispose();
  const ratio = median(anew.map((seconds, round) => seconds / cached[round]));
  const rate = (seconds: readonly number[]): string => `${(count / median(seconds)).toFixed(0)} tokens/s`;
  console.log(`| ${variant} | ${rate(cached)} | ${rate(anew)} | ${ratio.toFixed(1)} |`);
}
await close();
tf.removeBackend(name);
