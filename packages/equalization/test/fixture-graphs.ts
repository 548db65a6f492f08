import {
  type CalibrationBatches,
  createGraphBuilder,
  createModelRunner,
  denseStorage,
  type Model,
  minMaxObserver,
  type Parameter,
  type SymbolicValue,
} from '@tamp/core';
import { type FixtureFile, readJsonFixture, readTensorFixture } from '@tamp/fixtures';
import type { StaticInt8Options } from '@tamp/int8-linear';
import * as tf from '@tensorflow/tfjs-core';

interface TracedNode {
  readonly op: string;
  readonly name: string;
  readonly target: string;
  readonly args: readonly string[];
}

/** One graph of the reference. */
export interface FixtureCase {
  readonly name: string;
  readonly equalized_graph: readonly TracedNode[];
  readonly out_qparams: Readonly<Record<string, readonly [number, number]>>;
  readonly in_qparams: Readonly<Record<string, number>>;
  readonly sqnr_db_equalized: number;
  readonly sqnr_db_plain: number;
}

export const cases: readonly FixtureCase[] = readJsonFixture('equalization', 'equalization.json');
export const tensors: FixtureFile = readTensorFixture('equalization', 'equalization.safetensors');

/** The reference fuses a ReLU into the linear layer before it and renames that layer's weight. */
export function hasRelu(fixture: FixtureCase, layer: string): boolean {
  return tensors.has(`${fixture.name}.equalized.${layer}.0.weight`);
}

/** The original float model of a case: its traced graph without what equalization and observation added. */
export function modelOf(fixture: FixtureCase): Model {
  const builder = createGraphBuilder();
  const parameters = new Map<string, Parameter>();
  const values = new Map<string, SymbolicValue>();
  const parameter = (name: string): SymbolicValue => {
    const tensor = tensors.get(`${fixture.name}.${name}`);
    parameters.set(name, { name, shape: tensor.shape, storage: denseStorage(tensor.float32()) });
    return builder.parameter(name, tensor.shape);
  };
  const resolve = (name: string): SymbolicValue => {
    const known = values.get(name);
    if (known !== undefined) return known;
    // A number among the arguments is a constant.
    const constant = `constant_${name}`;
    parameters.set(constant, {
      name: constant,
      shape: [1],
      storage: denseStorage(Float32Array.of(Number(name))),
    });
    return builder.parameter(constant, [1]);
  };
  for (const { op, name, target, args } of fixture.equalized_graph) {
    if (op === 'placeholder') {
      const width = tensors.get(`${fixture.name}.calibration`).shape[2];
      values.set(name, builder.input(name, { dtype: 'float32', shape: [null, width] }));
    } else if (op === 'get_attr') {
      if (!target.includes('equalization_scale')) values.set(name, parameter(target));
    } else if (target === 'mul' || target.startsWith('activation_post_process')) {
      values.set(name, resolve(args[0]));
    } else if (op === 'call_module') {
      const linear = builder.scope(target, 'Linear', () =>
        builder.apply('linear', [
          resolve(args[0]),
          parameter(`${target}.weight`),
          parameter(`${target}.bias`),
        ]),
      );
      values.set(name, hasRelu(fixture, target) ? builder.apply('relu', [linear]) : linear);
    } else if (op === 'call_function') {
      values.set(name, builder.apply(target, args.map(resolve)));
    } else if (op === 'output') {
      builder.output('output', resolve(args[0]));
    }
  }
  return { graph: builder.build(), parameters, architecture: 'fixture', config: {}, assets: new Map() };
}

/** The calibration batches of a case. */
export function calibrationOf(fixture: FixtureCase): CalibrationBatches {
  const { shape, float32 } = tensors.get(`${fixture.name}.calibration`);
  const [count, rows, columns] = shape;
  const values = float32();
  return {
    count,
    batch: async (index) => ({
      x: tf.tensor2d(values.slice(index * rows * columns, (index + 1) * rows * columns), [rows, columns]),
    }),
  };
}

/** The reference's int8 configuration: one symmetric weight scale per layer, activations in 7 of 8 bits. */
export const referenceInt8: StaticInt8Options = {
  activation: (layer) =>
    minMaxObserver({ rule: { rule: 'observer', qmin: 0, qmax: 255, reduceRange: true }, layer }),
  weight: (layer) =>
    minMaxObserver({ rule: { rule: 'observer', qmin: -128, qmax: 127, symmetric: true }, layer }),
};

/** Runs a model on a batch and gives its only output. */
export async function outputOf(
  model: Model,
  inputs: Readonly<Record<string, tf.Tensor>>,
): Promise<Float32Array> {
  const runner = createModelRunner(model);
  const outputs = await runner.run(inputs);
  const [output] = Object.values(outputs);
  const values = Float32Array.from(await output.data());
  tf.dispose([...Object.values(inputs), ...Object.values(outputs)]);
  runner.dispose();
  return values;
}

/** The calibration batch whose output the reference recorded. */
export async function recordedBatch(fixture: FixtureCase): Promise<number> {
  const expected = tensors.get(`${fixture.name}.float_output`).float32();
  const batches = calibrationOf(fixture);
  let best = { index: 0, error: Infinity };
  for (let index = 0; index < batches.count; index++) {
    const error = largestDifference(await outputOf(modelOf(fixture), await batches.batch(index)), expected);
    if (error < best.error) best = { index, error };
  }
  return best.index;
}

/** The largest |a − b|; NaN for arrays of different length. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.NaN;
  return Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
}

/** The largest |a − b| / |b|. */
export function largestRelativeDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.NaN;
  return Array.from(a).reduce((most, value, i) => {
    const difference = Math.abs(value - b[i]);
    return difference === 0 ? most : Math.max(most, difference / Math.abs(b[i]));
  }, 0);
}

/** Signal-to-noise ratio of `y` against the float output, in decibels. */
export function signalToNoise(y: Float32Array, float: Float32Array): number {
  let signal = 0;
  let noise = 0;
  for (const [i, value] of float.entries()) {
    signal += value * value;
    noise += (value - y[i]) ** 2;
  }
  return 10 * Math.log10(signal / noise);
}
