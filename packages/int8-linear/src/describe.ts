import {
  type AffineStorage,
  type Int8Activation,
  int8Activation,
  type Model,
  matrixShape,
  nodesByName,
  readAll,
  readDense,
} from '@tamp/core';

/** What an int8 linear layer says of itself. */
export interface Int8LinearDescription {
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly bias: boolean;
  /** Weight scales: one per output feature, or one in all. */
  readonly scale: Float32Array;
  /** Weight zero points, as many as scales; all 0 when symmetric. */
  readonly zeroPoint: Int32Array;
  /** How the layer quantizes its input. */
  readonly activation: Int8Activation;
}

async function zeroPointsOf({ zeroPoints }: AffineStorage, count: number): Promise<Int32Array> {
  if (zeroPoints === undefined) return new Int32Array(count);
  const bytes = await readAll(zeroPoints);
  return Int32Array.from(new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

/** Describes every int8 linear layer of a graph model, by layer name, in graph order. */
export async function describeLinearLayers(
  model: Model,
): Promise<ReadonlyMap<string, Int8LinearDescription>> {
  const byName = nodesByName(model.graph);
  const descriptions = new Map<string, Int8LinearDescription>();
  for (const node of model.graph.nodes) {
    if (node.kind !== 'operator' || node.operator !== 'int8_linear') continue;
    const source = byName.get(node.inputs[1]);
    const parameter = source?.kind === 'parameter' ? model.parameters.get(source.parameter) : undefined;
    if (parameter?.storage.kind !== 'affine') continue;
    const layer = node.scope === '' ? node.name : node.scope;
    const { rows, columns } = matrixShape(parameter.shape);
    const scale = await readDense(parameter.storage.scales);
    descriptions.set(layer, {
      inFeatures: columns,
      outFeatures: rows,
      bias: node.inputs.length > 2,
      scale,
      zeroPoint: await zeroPointsOf(parameter.storage, scale.length),
      activation: int8Activation(node.attributes.activation, layer),
    });
  }
  return descriptions;
}
