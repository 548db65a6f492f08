import { TampError } from '@tamp/core';
import type * as tf from '@tensorflow/tfjs-core';
import type { LayersModel, layers as tfjs } from '@tensorflow/tfjs-layers';
import type { Int8DenseConfig } from './int8-dense.js';
import { innerLayers } from './layer-tree.js';
import { loadTfjsLayers } from './tfjs-layers.js';

type Layer = tfjs.Layer;

/** What takes a dense layer's place. */
export interface Int8Replacement {
  readonly config: Omit<Int8DenseConfig, 'activation'>;
  /** The new layer's weights, in its order; called once, the tensors are disposed of afterwards. */
  weights(): tf.Tensor[];
}

/** Replacements by the layers' paths. */
export type Replacements = ReadonlyMap<string, Int8Replacement>;

/** JSON as tf.layers writes it. */
type JsonRecord = Record<string, unknown>;

function asRecord(value: unknown, path: string): JsonRecord {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new TampError('its configuration is not what tf.layers writes', {
    code: 'unsupported',
    at: { layer: path },
  });
}

/** The configuration of an int8 layer in place of a dense one, in the spelling of Keras. */
function int8Entry(entry: JsonRecord, path: string, { config }: Int8Replacement): JsonRecord {
  const { name, trainable, batch_input_shape, dtype, activation } = asRecord(entry.config, path);
  const { units, useBias, granularity, inputQuantization } = config;
  const input: JsonRecord =
    inputQuantization.kind === 'token'
      ? { kind: inputQuantization.kind }
      : { kind: inputQuantization.kind, reduce_range: inputQuantization.reduceRange };
  if (inputQuantization.kind === 'static') {
    input.scale = inputQuantization.scale;
    input.zero_point = inputQuantization.zeroPoint;
  }
  return {
    ...entry,
    class_name: 'Int8Dense',
    config: {
      name,
      trainable,
      ...(batch_input_shape === undefined ? {} : { batch_input_shape }),
      dtype,
      units,
      use_bias: useBias,
      activation,
      granularity,
      input_quantization: input,
    },
  };
}

function editList(
  layers: readonly Layer[],
  entries: unknown,
  prefix: string,
  replacements: Replacements,
): unknown[] {
  if (!Array.isArray(entries) || entries.length !== layers.length) {
    throw new TampError('its configuration does not list its layers', {
      code: 'unsupported',
      at: { layer: prefix.slice(0, -1) },
    });
  }
  return layers.map((layer, i) => edit(layer, entries[i], `${prefix}${layer.name}`, replacements));
}

/** A layer's entry of the configuration with every replacement inside it made. */
function edit(layer: Layer, value: unknown, path: string, replacements: Replacements): JsonRecord {
  const entry = asRecord(value, path);
  const replacement = replacements.get(path);
  if (replacement !== undefined) return int8Entry(entry, path, replacement);
  const inner = innerLayers(layer);
  if (inner.length === 0) return entry;
  const prefix = path === '' ? '' : `${path}.`;
  const config = asRecord(entry.config, path);
  // Models list their layers; a wrapper has one.
  const change =
    'layers' in config
      ? { layers: editList(inner, config.layers, prefix, replacements) }
      : { layer: editList(inner, [config.layer], prefix, replacements)[0] };
  return { ...entry, config: { ...config, ...change } };
}

/** Fills a rebuilt layer, and what is inside it, with the weights of the original or of its replacement. */
function fill(original: Layer, rebuilt: Layer, path: string, replacements: Replacements): void {
  const replacement = replacements.get(path);
  if (replacement !== undefined) {
    const weights = replacement.weights();
    try {
      rebuilt.setWeights(weights);
    } finally {
      for (const weight of weights) weight.dispose();
    }
    return;
  }
  const [before, after] = [innerLayers(original), innerLayers(rebuilt)];
  if (original.getClassName() !== rebuilt.getClassName() || before.length !== after.length) {
    throw new TampError('tf.layers rebuilt the model with another structure', {
      code: 'internal',
      at: { layer: path },
    });
  }
  if (before.length === 0) {
    // Data is shared, not copied: each side holds a reference to it.
    rebuilt.setWeights(original.getWeights());
    return;
  }
  const prefix = path === '' ? '' : `${path}.`;
  for (const [i, layer] of before.entries()) fill(layer, after[i], `${prefix}${layer.name}`, replacements);
}

/**
 * A copy of a tf.layers model with some of its dense layers replaced. The other layers share their weights' memory
 * with the original, which is not changed. Rejects with a `TampError` (`unsupported`) when tf.layers cannot rebuild
 * the model from its configuration.
 */
export async function rebuildModel(model: LayersModel, replacements: Replacements): Promise<LayersModel> {
  const { models } = await loadTfjsLayers();
  const topology = JSON.stringify(edit(model, model.toJSON(null, false), '', replacements));
  let rebuilt: LayersModel;
  try {
    rebuilt = await models.modelFromJSON({ modelTopology: JSON.parse(topology) });
  } catch (cause) {
    throw new TampError(
      `tf.layers cannot rebuild the model: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        code: 'unsupported',
        remedy: 'Register layers of your own with tf.serialization.registerClass().',
        cause,
      },
    );
  }
  try {
    fill(model, rebuilt, '', replacements);
  } catch (error) {
    rebuilt.dispose();
    throw error;
  }
  return rebuilt;
}
