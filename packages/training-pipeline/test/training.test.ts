import { expectNoTensorLeaks } from '@tamp/fixtures/tensor-leaks';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import {
  createModelRunner,
  type GraphNode,
  isTampError,
  type Model,
  type NamedModifier,
  readParameter,
} from '@tamp/core';
import { diffq } from '@tamp/diffq';
import { createConvNet, createMlp } from '@tamp/models';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  evaluateLabelled,
  type LabelledData,
  runTraining,
  sliceSamples,
  type TrainingCheckpoint,
  type TrainingOptions,
} from '../src/index.js';
import { testing, training } from './digits-data.js';

beforeAll(async () => {
  await tf.setBackend('wasm');
});
expectNoTensorLeaks();

const few = sliceSamples(training, 0, 200);
const small = (seed = 0): Model => createMlp({ widths: [64, 32, 10], seed });

function withDiffQ(options: Readonly<Record<string, unknown>>): readonly NamedModifier[] {
  const settings = diffq.options.parse({ groupSize: 8, minSize: 0.001, ...options });
  return [{ name: '@tamp/diffq', modifier: diffq.create(settings) }];
}

async function valuesOf(model: Model): Promise<readonly Float32Array[]> {
  const values: Float32Array[] = [];
  for (const parameter of model.parameters.values()) values.push(await readParameter(parameter));
  return values;
}

async function messageOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (isTampError(error)) return error.message;
    throw error;
  }
  throw new Error('nothing was thrown');
}

test('plain training lowers the loss and keeps the model’s form', async () => {
  const model = small();
  const epochs: number[] = [];
  const { model: trained, history } = await runTraining(model, [], {
    data: few,
    validation: testing,
    epochs: 3,
    onEpoch: ({ epoch }) => epochs.push(epoch),
  });
  expect(epochs).toEqual([1, 2, 3]);
  expect(history[2].loss).toBeLessThan(history[0].loss);
  expect(history.every(({ penalty }) => penalty === 0)).toBe(true);
  expect([...trained.parameters.keys()]).toEqual([...model.parameters.keys()]);
  // What was validated is what came out.
  expect(await evaluateLabelled(trained, testing)).toEqual(history[2].validation);
  expect(await valuesOf(model)).toEqual(await valuesOf(small()));
});

test.each(['sgd', 'momentum', 'rmsprop', 'adam'])(
  'a resumed training with %s equals the undisturbed one',
  async (kind) => {
    const optimizer =
      kind === 'momentum'
        ? ({ kind: 'sgd', learningRate: 1e-2, momentum: 0.9 } as const)
        : ({ kind: kind as 'sgd' | 'rmsprop' | 'adam', learningRate: 2e-3 } as const);
    const options: TrainingOptions = {
      data: few,
      epochs: 4,
      seed: 7,
      optimizer,
      learningRate: { schedule: { kind: 'cosine' }, warmupSteps: 2 },
    };
    const modifier = { targetSize: 0.3, learningRate: 0.05, seed: 3 };
    const checkpoints: TrainingCheckpoint[] = [];
    const whole = await runTraining(small(), withDiffQ(modifier), {
      ...options,
      onCheckpoint: (checkpoint) => {
        checkpoints.push(structuredClone(checkpoint));
      },
    });
    expect(checkpoints.length).toBe(4);
    // The initial weights play no part: they come from the checkpoint.
    const resumed = await runTraining(small(9), withDiffQ(modifier), { ...options, resume: checkpoints[1] });
    expect(await valuesOf(resumed.model)).toEqual(await valuesOf(whole.model));
    expect(resumed.history).toEqual(whole.history);
    expect(resumed.layers).toEqual(whole.layers);
  },
);

test('the same seeds give the same model to the bit; each of the two seeds matters', async () => {
  const run = async (seed: number, noise: number) => {
    const options = { data: few, epochs: 1, seed };
    const { model } = await runTraining(small(), withDiffQ({ penalty: 5, seed: noise }), options);
    return valuesOf(model);
  };
  const first = await run(1, 1);
  expect(await run(1, 1)).toEqual(first);
  expect(await run(2, 1)).not.toEqual(first);
  expect(await run(1, 2)).not.toEqual(first);
});

test('a tied parameter is trained and stored once', async () => {
  const { graph, parameters, ...rest } = createMlp({ widths: [64, 64, 64, 10] });
  // The second layer reads the first one's weight.
  const tied: Model = {
    ...rest,
    graph: {
      ...graph,
      nodes: graph.nodes.flatMap((node): readonly GraphNode[] => {
        if (node.kind === 'parameter' && node.parameter === '2.weight') return [];
        if (node.kind !== 'operator') return [node];
        return [{ ...node, inputs: node.inputs.map((name) => (name === '2.weight' ? '0.weight' : name)) }];
      }),
    },
    parameters: new Map([...parameters].filter(([name]) => name !== '2.weight')),
  };
  const { model, layers } = await runTraining(tied, withDiffQ({ penalty: 5 }), { data: few, epochs: 1 });
  expect(layers.map(({ parameter }) => parameter)).toEqual(['0.weight', '4.weight']);
  expect(model.parameters.get('0.weight')?.storage.kind).toBe('mixed-bits');
  expect((await evaluateLabelled(model, testing)).accuracy).toBeGreaterThan(0.1);
});

test('a convolutional network trains, and runs from its stored form with the validated quality', async () => {
  await tf.setBackend('cpu');
  const start = tf.memory().numTensors;
  const model = createConvNet({ input: [1, 8, 8], convolutions: [{ channels: 8 }], widths: [10] });
  const { model: trained, history } = await runTraining(
    model,
    withDiffQ({ penalty: 1, minSize: 0, exclude: ['bias'] }),
    {
      data: few,
      validation: sliceSamples(testing, 0, 60),
      epochs: 2,
    },
  );
  expect(history[1].loss).toBeLessThan(history[0].loss);
  expect(trained.parameters.get('0.weight')?.storage.kind).toBe('mixed-bits');
  expect(await evaluateLabelled(trained, sliceSamples(testing, 0, 60))).toEqual(history[1].validation);
  const runner = createModelRunner(trained);
  const input = tf.zeros([2, 1, 8, 8]);
  const outputs = await runner.run({ input });
  expect(outputs.logits.shape).toEqual([2, 10]);
  tf.dispose([input, outputs]);
  runner.dispose();
  expect(tf.memory().numTensors).toBe(start);
  await tf.setBackend('wasm');
});

test.each([
  { targetSize: 0.2, why: 'a fraction, below the size at the start' },
  { targetSize: 6000, why: 'bytes, above it' },
])(
  'a budget of $targetSize ($why) is kept within 2%',
  async ({ targetSize }) => {
    const model = createMlp({ widths: [64, 64, 10], seed: 1 });
    const { history, layers } = await runTraining(model, withDiffQ({ targetSize, seed: 1 }), {
      data: training,
      epochs: 20,
      optimizer: { kind: 'adam', learningRate: 2e-3 },
    });
    const floatBytes = 4 * (64 * 64 + 64 + 64 * 10 + 10);
    const target = targetSize < 1 ? targetSize * floatBytes : targetSize;
    expect(Math.abs(history[19].figures.bytes / target - 1)).toBeLessThan(0.02);
    // What is stored is what was counted, up to a byte each for the ends of the streams and the range's header.
    const stored = layers.reduce((sum, { bytesAfter }) => sum + bytesAfter, 4 * (64 + 10));
    expect(Math.abs(stored - history[19].figures.bytes)).toBeLessThanOrEqual(6);
  },
  300_000,
);

test('early stopping', async () => {
  // A learning rate so small that nothing gets better by a tenth.
  const { history, stoppedEarly } = await runTraining(small(), [], {
    data: few,
    epochs: 50,
    optimizer: { kind: 'sgd', learningRate: 1e-6 },
    earlyStop: { metric: 'loss', patience: 2, minDelta: 0.1 },
  });
  expect(stoppedEarly).toBe(true);
  expect(history.length).toBe(4);
});

describe('clear errors, and nothing left behind', () => {
  const options: TrainingOptions = { data: few, epochs: 1 };
  const wrongLabels: LabelledData = {
    ...few,
    labels: { values: new Int32Array(200).fill(10), shape: [200] },
  };
  const cases: readonly (readonly [string, () => Promise<unknown>, RegExp])[] = [
    ['no epochs', () => runTraining(small(), [], { ...options, epochs: 0 }), /epochs 0/],
    ['no batches', () => runTraining(small(), [], { ...options, batchSize: 0.5 }), /batchSize 0.5/],
    [
      'labels',
      () => runTraining(small(), [], { ...options, data: wrongLabels }),
      /label 0 is 10.*10 outputs/,
    ],
    [
      'counts',
      () =>
        runTraining(small(), [], {
          ...options,
          data: { ...few, labels: { values: new Int32Array(3), shape: [3] } },
        }),
      /there are 3 labels/,
    ],
    [
      'input name',
      () => runTraining(small(), [], { ...options, data: { ...few, inputs: { pixels: few.inputs.input } } }),
      /needs an input named input.*pixels/,
    ],
    [
      'divergence',
      () =>
        runTraining(small(), [], { ...options, epochs: 9, optimizer: { kind: 'sgd', learningRate: 1e20 } }),
      /loss became|not a number|NaN/,
    ],
    [
      'divergence under DiffQ',
      () =>
        runTraining(small(), withDiffQ({ penalty: 1 }), {
          ...options,
          optimizer: { kind: 'sgd', learningRate: 1e30 },
        }),
      /weight: its weights contain NaN.*learning rate/,
    ],
    [
      'early stop without validation',
      () => runTraining(small(), [], { ...options, epochs: 2, earlyStop: { patience: 1 } }),
      /validationLoss.*validation data/,
    ],
    [
      'a group size that does not divide',
      () => runTraining(small(), withDiffQ({ penalty: 1, groupSize: 7 }), options),
      /@tamp\/diffq.*groups of 7/,
    ],
  ];
  test.each(cases)('%s', async (_name, run, message) => {
    expect(await messageOf(run())).toMatch(message);
  });

  test('a checkpoint of another model', async () => {
    const made: TrainingCheckpoint[] = [];
    await runTraining(small(), [], {
      ...options,
      onCheckpoint: (checkpoint) => {
        made.push(checkpoint);
      },
    });
    const other = createMlp({ widths: [64, 16, 10] });
    expect(await messageOf(runTraining(other, [], { ...options, resume: made[0] }))).toMatch(/another model/);
    const withBits = runTraining(small(), withDiffQ({ penalty: 1 }), { ...options, resume: made[0] });
    expect(await messageOf(withBits)).toMatch(/no checkpoint of a training with these options/);
  });

  test('a quantized model is not trained again', async () => {
    const { model } = await runTraining(small(), withDiffQ({ penalty: 1 }), options);
    expect(await messageOf(runTraining(model, [], options))).toMatch(/0\.weight: it is quantized/);
    expect(() => withDiffQ({ penalty: 1 })[0].modifier.plan(model)).toThrow(/quantized already/);
  });

  test('an abort', async () => {
    const abort = new AbortController();
    const run = runTraining(small(), withDiffQ({ penalty: 1 }), {
      ...options,
      signal: abort.signal,
      onStep: () => abort.abort(new Error('enough')),
    });
    await expect(run).rejects.toThrow('enough');
  });
});

test('the plan says what will be done; a target out of reach is refused before any work', () => {
  const { targets } = withDiffQ({ penalty: 1, float16: true })[0].modifier.plan(small());
  expect(targets.map(({ parameter }) => parameter)).toEqual(['0.weight', '2.weight', '0.bias', '2.bias']);
  // 2048 weights at 8 bits, 256 codes of 3 bits, the range.
  expect(targets[0].bytesAfter).toBe(2048 + 96 + 8);
  expect(() => withDiffQ({ targetSize: 100 })[0].modifier.plan(small())).toThrow(/100 bytes is out of reach/);
  expect(() => withDiffQ({})).toThrow(/penalty or targetSize/);
  expect(() => withDiffQ({ penalty: 1, targetSize: 0.2 })).toThrow(/penalty or targetSize/);
});
