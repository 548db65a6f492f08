import {
  affineStorageBytes,
  dequantizeWeight,
  describeScheme,
  type Int8Activation,
  type LayerReport,
  nextTask,
  packDense,
  parseModifierOptions,
  TampError,
  weightError,
} from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { describeActivation, dynamicActivation } from '../activation-observer.js';
import { type Int8Weight, quantizeInt8Weight, weightRule } from '../int8-weight.js';
import { int8LinearModifier } from '../modifier.js';
import { noCalibration } from '../quantize-graph-model.js';
import type { Int8LinearOptions, Int8LinearSettings } from '../settings.js';
import { calibrateLayers } from './calibrate-layers.js';
import { chooseDenseLayers } from './choose-dense-layers.js';
import type { TreeLayer } from './layer-tree.js';
import type { LayersBatch } from './layers-batch.js';
import { type Int8Replacement, rebuildModel } from './rebuild-model.js';
import { registerInt8Layers } from './register-int8-layers.js';

/** How a tf.layers model is quantized: progress, cancelling, and data for static activations. */
export interface LayersRunOptions {
  readonly signal?: AbortSignal;
  /** Called for each layer as soon as it is done. */
  readonly onLayer?: (entry: LayerReport) => void;
  /** Needed for static activations, and only for them. The tensors stay the caller's. */
  readonly calibration?: Iterable<LayersBatch> | AsyncIterable<LayersBatch>;
}

/** The quantized model and what was done to each layer. */
export interface QuantizedLayersModel {
  readonly model: LayersModel;
  readonly layers: readonly LayerReport[];
}

/** A dense layer's float weight [outputs, inputs], the transpose of its kernel, and its bias. */
interface DenseWeights {
  readonly values: Float32Array;
  readonly rows: number;
  readonly columns: number;
  readonly bias: tf.Tensor | undefined;
}

async function denseWeights({ path, layer }: TreeLayer): Promise<DenseWeights> {
  const [kernel, bias] = layer.getWeights();
  if (kernel?.shape.length !== 2) {
    throw new TampError('a dense layer without a kernel matrix', {
      code: 'unsupported',
      at: { layer: path },
    });
  }
  const [columns, rows] = kernel.shape;
  const transposed = tf.transpose(kernel);
  try {
    return { values: Float32Array.from(await transposed.data()), rows, columns, bias };
  } finally {
    transposed.dispose();
  }
}

/** The weights of an int8 dense layer in its order; scales and zero points once per row. */
function int8Weights(
  { levels, scales, zeroPoints, rows, columns }: Int8Weight,
  bias: tf.Tensor | undefined,
): tf.Tensor[] {
  const words = new Int32Array(packDense(levels, 8, rows, columns).buffer);
  const perRow = (values: Float32Array | Int8Array): number[] =>
    Array.from({ length: rows }, (_, row) => values[values.length === 1 ? 0 : row]);
  return [
    tf.tensor(words, [rows, words.length / rows], 'int32'),
    tf.tensor(perRow(scales), [rows, 1], 'float32'),
    ...(zeroPoints === undefined ? [] : [tf.tensor(perRow(zeroPoints), [rows, 1], 'int32')]),
    ...(bias === undefined ? [] : [bias.clone()]),
  ];
}

interface QuantizedDense {
  readonly replacement: Int8Replacement;
  readonly report: LayerReport;
}

async function quantizeDense(
  target: TreeLayer,
  inputQuantization: Int8Activation,
  { weights: { granularity }, activation }: Int8LinearSettings,
): Promise<QuantizedDense> {
  const { values, rows, columns, bias } = await denseWeights(target);
  const weight = quantizeInt8Weight(values, rows, columns, {
    granularity,
    rule: weightRule(activation),
    layer: target.path,
  });
  const error = weightError(values, dequantizeWeight(weight));
  return {
    replacement: {
      config: { units: rows, useBias: bias !== undefined, granularity, inputQuantization },
      weights: () => int8Weights(weight, bias),
    },
    report: {
      layer: target.path,
      parameter: `${target.path}/kernel`,
      modifier: int8LinearModifier.name,
      scheme: `${describeScheme(weight.scheme)}, ${describeActivation(activation)}`,
      bytesBefore: values.byteLength,
      bytesAfter: affineStorageBytes(weight.scheme, [rows, columns]),
      relativeError: error.relativeError,
      figures: {
        mse: error.meanSquaredError,
        ...(error.signalToNoise === undefined ? {} : { snrDb: error.signalToNoise }),
      },
    },
  };
}

/** How each layer quantizes its input. */
async function chooseActivations(
  model: LayersModel,
  chosen: readonly TreeLayer[],
  { activation }: Int8LinearSettings,
  { signal, calibration }: Pick<LayersRunOptions, 'signal' | 'calibration'>,
): Promise<ReadonlyMap<TreeLayer, Int8Activation>> {
  if (activation.kind === 'static') {
    if (calibration === undefined) throw noCalibration();
    return calibrateLayers(model, chosen, calibration, activation, signal);
  }
  const dynamic = dynamicActivation(activation.kind, activation.reduceRange);
  return new Map(chosen.map((layer) => [layer, dynamic]));
}

/**
 * Makes the dense layers of a tf.layers model int8. The result is a model of its own, for inference: layers that are
 * not quantized share their weights' memory with the original, which is not changed and may be disposed of.
 */
export async function quantizeLayersModel(
  model: LayersModel,
  options: Int8LinearOptions,
  { signal, onLayer, calibration }: LayersRunOptions,
): Promise<QuantizedLayersModel> {
  const settings = parseModifierOptions(int8LinearModifier, options);
  const chosen = chooseDenseLayers(model, settings);
  await registerInt8Layers();
  const activations = await chooseActivations(model, chosen, settings, { signal, calibration });
  const replacements = new Map<string, Int8Replacement>();
  const reports: LayerReport[] = [];
  for (const [target, inputQuantization] of activations) {
    signal?.throwIfAborted();
    const { replacement, report } = await quantizeDense(target, inputQuantization, settings);
    replacements.set(target.path, replacement);
    reports.push(report);
    onLayer?.(report);
    await nextTask();
  }
  return { model: await rebuildModel(model, replacements), layers: reports };
}
