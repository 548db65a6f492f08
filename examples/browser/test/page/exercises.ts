import awq from '@tamp/awq';
import { registerCpuBackend } from '@tamp/backend-cpu';
import { registerWebGpuBackend } from '@tamp/backend-webgpu';
import {
  bytesOf,
  type CalibrationBatches,
  createModelRunner,
  float32ToFloat16,
  groupwiseLinear,
  type LayerReport,
  type Model,
  type ModifierDefinition,
  memorySink,
  packWeights,
  quantizeWeight,
  runDataFree,
} from '@tamp/core';
import { attachDiffQ } from '@tamp/diffq';
import { equalizeModel } from '@tamp/equalization';
import { openArchive, writeArchive } from '@tamp/export-zip';
import { generate } from '@tamp/generation';
import gptq from '@tamp/gptq';
import int8Linear from '@tamp/int8-linear';
import { createMlp, folderAtUrl, loadTokenizer, openModel } from '@tamp/models';
import { cutWindows, measurePerplexity, parseRecipe } from '@tamp/recipe';
import { bytesText, stageText } from '@tamp/report';
import { openSafetensors, writeSafetensors } from '@tamp/safetensors';
import { runSequential } from '@tamp/sequential-pipeline';
import { runTraining } from '@tamp/training-pipeline';
import weightOnly from '@tamp/weight-only';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

/** Uses a package a little; `models` is the address of the folder with the test models. The result is exact. */
export type Exercise = (models: string) => Promise<unknown>;

/** Numbers without Math.random, the same everywhere. */
function values(length: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => ((i * 2654435761) % 1999) / 1000 - 1);
}

/** Numbers in a few characters; equal ones are equal to the last bit. */
function digest(numbers: ArrayLike<number>): string {
  const bytes = new Uint8Array(Float64Array.from(numbers).buffer);
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return `${numbers.length} numbers, ${(hash >>> 0).toString(16)}`;
}

/** The CPU kernels that give the same bits on every engine. */
async function onCpu(): Promise<void> {
  const { name } = await registerCpuBackend({ simd: 'baseline' });
  await tf.setBackend(name);
}

async function tinyLlama(models: string): Promise<Model> {
  const files = [
    'config.json',
    'generation_config.json',
    'model.safetensors',
    'tokenizer.json',
    'tokenizer_config.json',
  ];
  return openModel(folderAtUrl(`${models}/tiny-llama`, { files }));
}

async function logitsOf(model: Model): Promise<Float32Array> {
  const runner = createModelRunner(model);
  const width = model.graph.nodes.find((node) => node.kind === 'input')?.type.shape[1] ?? 1;
  const input = tf.tensor2d(values(2 * width), [2, width]);
  const { logits } = await runner.run({ input });
  const numbers = await logits.data<'float32'>();
  tf.dispose([input, logits]);
  runner.dispose();
  return numbers;
}

/** Two batches of tokens for tiny-llama. */
const tokens: CalibrationBatches = {
  count: 2,
  batch: async (index) => ({
    input_ids: tf.tensor2d(
      Array.from({ length: 12 }, (_, i) => (37 * i + 100 * index) % 1000),
      [1, 12],
      'int32',
    ),
  }),
};

function modifierOf<Options>(definition: ModifierDefinition<Options>, options: unknown) {
  return { name: definition.name, modifier: definition.create(definition.options.parse(options)) };
}

function summary(layers: readonly LayerReport[]): string {
  return `${layers.length} layers, ${digest(layers.map(({ relativeError }) => relativeError ?? 0))}`;
}

/** One for each package, by its name. */
export const exercises: Readonly<Record<string, Exercise>> = {
  async '@tamp/core'() {
    const scheme = { bits: 4, symmetric: false, granularity: { kind: 'group', groupSize: 16 } } as const;
    const { levels, scales } = quantizeWeight(values(256), 4, 64, scheme);
    return [digest(levels), digest(scales), digest(float32ToFloat16(values(9)))];
  },
  async '@tamp/safetensors'() {
    const sink = memorySink('a.safetensors');
    const data = values(6);
    await writeSafetensors(sink, [
      { name: 'w', dtype: 'F32', shape: [2, 3], data: () => [new Uint8Array(data.buffer)] },
    ]);
    const file = await openSafetensors(bytesOf(sink.bytes()));
    const bytes = await file.tensor('w').read(0, 24);
    return digest(new Float32Array(bytes.slice().buffer));
  },
  async '@tamp/models'(models) {
    await onCpu();
    const tokenizer = await loadTokenizer(await tinyLlama(models));
    return [tokenizer.encode('import numpy as np'), digest(await logitsOf(createMlp({ widths: [8, 6, 3] })))];
  },
  async '@tamp/export-zip'() {
    await onCpu();
    const sink = memorySink('m.tamp.zip');
    await writeArchive(createMlp({ widths: [8, 6, 3] }), async () => sink);
    const opened = await openArchive(bytesOf(sink.bytes(), 'm.tamp.zip'));
    return digest(await logitsOf(opened));
  },
  async '@tamp/weight-only'() {
    await onCpu();
    const modifier = modifierOf(weightOnly, { weights: { bits: 3, groupSize: 4 } });
    const { model, layers } = await runDataFree(createMlp({ widths: [8, 12, 3] }), [modifier]);
    return [summary(layers), digest(await logitsOf(model))];
  },
  async '@tamp/int8-linear'() {
    await onCpu();
    const { model, layers } = await runDataFree(createMlp({ widths: [8, 6, 3] }), [
      modifierOf(int8Linear, {}),
    ]);
    return [summary(layers), digest(await logitsOf(model))];
  },
  async '@tamp/equalization'() {
    await onCpu();
    const calibration = {
      count: 1,
      batch: async () => ({ input: tf.mul(tf.tensor2d(values(32), [4, 8]), 3) }),
    };
    const { layers } = await equalizeModel(createMlp({ widths: [8, 6, 3] }), {}, { calibration });
    return summary(layers);
  },
  async '@tamp/gptq'(models) {
    await onCpu();
    const modifier = modifierOf(gptq, {
      targets: ['model.layers.0.mlp.gate_proj'],
      weights: { bits: 4, groupSize: 64 },
    });
    return summary((await runSequential(await tinyLlama(models), [modifier], tokens)).layers);
  },
  async '@tamp/awq'(models) {
    await onCpu();
    const modifier = modifierOf(awq, {
      ignore: ['lm_head'],
      gridPoints: 3,
      weights: { bits: 4, groupSize: 64 },
    });
    return summary((await runSequential(await tinyLlama(models), [modifier], tokens)).layers);
  },
  async '@tamp/sequential-pipeline'(models) {
    await onCpu();
    const phases: string[] = [];
    const modifier = modifierOf(weightOnly, { ignore: ['lm_head'], weights: { bits: 4, groupSize: 64 } });
    await runSequential(await tinyLlama(models), [modifier], tokens, {
      onProgress: ({ subgraph, phase, done }) => phases.push(`${subgraph} ${phase} ${done}`),
    });
    return phases;
  },
  async '@tamp/diffq'() {
    await onCpu();
    const model = tfl.sequential();
    model.add(tfl.layers.dense({ units: 16, inputShape: [8], kernelInitializer: 'ones' }));
    model.compile({ optimizer: tf.train.sgd(1e-2), loss: 'meanSquaredError' });
    const { quantizer, detach } = attachDiffQ(model, { groupSize: 8, minSize: 0 }, { penalty: 1 });
    const x = tf.tensor2d(values(64), [8, 8]);
    const y = tf.zeros([8, 16]);
    await model.fit(x, y, { epochs: 1, verbose: 0, shuffle: false });
    const bits = await quantizer.meanBits();
    detach();
    tf.dispose([x, y]);
    model.dispose();
    // Eight to start with, and one small step from there; the noise is drawn anew each time.
    return Math.round(bits);
  },
  async '@tamp/training-pipeline'() {
    await onCpu();
    const inputs = values(64 * 8);
    const labels = Int32Array.from({ length: 64 }, (_, row) => (inputs[8 * row] > 0 ? 1 : 0));
    const { history } = await runTraining(createMlp({ widths: [8, 6, 2] }), [], {
      data: {
        inputs: { input: { values: inputs, shape: [64, 8] } },
        labels: { values: labels, shape: [64] },
      },
      epochs: 3,
    });
    // Engines differ in the last bits of exp and log.
    return history.map(({ loss }) => loss.toFixed(4));
  },
  async '@tamp/recipe'(models) {
    await onCpu();
    const { recipe } = parseRecipe(
      'model: ./m\nmodifiers:\n  - use: "@tamp/weight-only"\n    weights: { bits: 4 }\n',
      'recipe.yaml',
    );
    const ids = Int32Array.from({ length: 32 }, (_, i) => (31 * i) % 1000);
    const windows = cutWindows(ids, { sequenceLength: 16, file: 'ids' });
    const { perplexity } = await measurePerplexity(await tinyLlama(models), windows);
    return [recipe.modifiers, perplexity];
  },
  async '@tamp/report'() {
    const stage = { key: 'modify', title: 'Compressing', unit: 'layer' } as const;
    return [bytesText(1_046_809), stageText(stage, 12, 43, 3, 'lm_head')];
  },
  async '@tamp/generation'(models) {
    await onCpu();
    const model = await tinyLlama(models);
    const tokenizer = await loadTokenizer(model);
    const steps: unknown[] = [];
    for await (const step of generate(model, {
      prompt: 'import numpy as',
      tokenizer,
      maxTokens: 12,
      temperature: 0.9,
      topP: 0.95,
      seed: 1,
    })) {
      steps.push(step);
    }
    return steps;
  },
  async '@tamp/backend-cpu'() {
    await onCpu();
    const [a, b] = [tf.tensor2d(values(600), [20, 30]), tf.tensor2d(values(900), [30, 30])];
    const product = tf.matMul(a, b);
    const numbers = await product.data();
    tf.dispose([a, b, product]);
    return digest(numbers);
  },
  async '@tamp/backend-webgpu'() {
    const { name } = await registerWebGpuBackend();
    await tf.setBackend(name);
    const scheme = { bits: 4, symmetric: true, granularity: { kind: 'group', groupSize: 8 } } as const;
    const words = Int32Array.of(0x76543210);
    const plain = { scheme, rows: 1, columns: 8, words, scales: Float32Array.of(0.5), zeroPoints: null };
    const weight = packWeights(plain, 'groupwise');
    const y = groupwiseLinear(tf.ones([1, 8]), weight, undefined);
    return [...(await y.data())];
  },
};
