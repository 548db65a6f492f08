import { Random } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import type { Int8Dense } from '../src/index.js';

/** Fills a model's weights with normal numbers scaled by 1/√(inputs), so that every layer's output is about 1. */
export function fillNormal(model: tfl.LayersModel, seed = 1): void {
  const random = new Random(seed);
  const weights = model.getWeights().map(({ shape }) => {
    const count = shape.reduce((product, size) => product * size, 1);
    const scale = shape.length > 1 ? 1 / Math.sqrt(shape[0]) : 0.1;
    return tf.tensor(
      random.fillNormal(new Float32Array(count)).map((value) => value * scale),
      shape,
    );
  });
  model.setWeights(weights);
  tf.dispose(weights);
}

export function normal(shape: number[], seed = 2): tf.Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  return tf.tensor(new Random(seed).fillNormal(new Float32Array(count)), shape);
}

/** Dense layers up, middle and down: 24 → 40 → 16 → 10, with activation functions; `middle` has no bias. */
export function sequential(): tfl.LayersModel {
  const model = tfl.sequential({
    layers: [
      tfl.layers.dense({ units: 40, activation: 'relu', inputShape: [24], name: 'up' }),
      tfl.layers.dense({ units: 16, useBias: false, activation: 'hardSigmoid', name: 'middle' }),
      tfl.layers.dense({ units: 10, activation: 'softmax', name: 'down' }),
    ],
  });
  fillNormal(model);
  return model;
}

/** Two inputs, a shared dense layer, a nested functional and a nested sequential model, a normalization between. */
export function nested(): tfl.LayersModel {
  const a = tfl.input({ shape: [24], name: 'a' });
  const b = tfl.input({ shape: [24], name: 'b' });
  const shared = tfl.layers.dense({ units: 24, activation: 'tanh', name: 'shared' });
  const inner = tfl.input({ shape: [48] });
  const block = tfl.model({
    inputs: inner,
    outputs: tfl.layers
      .add()
      .apply([
        inner,
        tfl.layers.dense({ units: 48, name: 'inside' }).apply(inner) as tfl.SymbolicTensor,
      ]) as tfl.SymbolicTensor,
    name: 'block',
  });
  const tail = tfl.sequential({
    layers: [tfl.layers.dense({ units: 12, inputShape: [48], name: 'first' }), tfl.layers.reLU({})],
    name: 'tail',
  });
  const joined = tfl.layers
    .concatenate()
    .apply([shared.apply(a) as tfl.SymbolicTensor, shared.apply(b) as tfl.SymbolicTensor]);
  const normalized = tfl.layers.layerNormalization().apply(joined);
  const outputs = tail.apply(block.apply(normalized)) as tfl.SymbolicTensor;
  const model = tfl.model({ inputs: [a, b], outputs });
  fillNormal(model);
  return model;
}

/**
 * Frees a model whole. `model.dispose()` alone leaves a layer that is used twice, because tf.layers counts its uses and
 * takes one away.
 */
export function free(model: tfl.LayersModel): void {
  const leaves = (layers: readonly tfl.layers.Layer[]): tfl.layers.Layer[] =>
    layers.flatMap((layer) => ('layers' in layer ? leaves((layer as tfl.LayersModel).layers) : [layer]));
  for (const layer of leaves(model.layers)) {
    let uses = 1;
    while (uses > 0) uses = layer.dispose().refCountAfterDispose;
  }
}

export async function predict(model: tfl.LayersModel, x: tf.Tensor | tf.Tensor[]): Promise<Float32Array> {
  const y = model.predict(x) as tf.Tensor;
  const values = Float32Array.from(await y.data());
  y.dispose();
  return values;
}

export function int8Layers(model: tfl.LayersModel): readonly Int8Dense[] {
  return model.layers.filter((layer) => layer.getClassName() === 'Int8Dense') as unknown as Int8Dense[];
}
