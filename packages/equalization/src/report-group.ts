import { type Model, type ModelEditor, readParameter, storedBytes } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import type { EqualizedGroup } from './equalized-group.js';
import type { Group } from './groups/group.js';
import { modifierName } from './modifier-name.js';
import type { GroupStatistics } from './observe/group-statistics.js';
import { innerOf, scaleColumns } from './rewrite/scale-weight.js';
import { scaledRange } from './scales/channel-range.js';
import { type AssumedQuantization, describeQuantization } from './simulate/assumed-quantization.js';
import { layerInput, type ShapedValues } from './simulate/layer-input.js';
import { decibels, outputNoise } from './simulate/output-noise.js';
import { rowImportance } from './simulate/row-importance.js';

/** What {@link reportGroup} reports on. */
export interface GroupToReport {
  readonly original: Model;
  readonly editor: ModelEditor;
  readonly group: Group;
  readonly equalized: EqualizedGroup;
  readonly statistics: GroupStatistics | undefined;
  readonly quantizationOf: AssumedQuantization;
  /** All groups, among them those that took up the rows of this group's layers. */
  readonly groups: readonly Group[];
}

async function weightOf(
  model: Model,
  name: string,
): Promise<{ values: Float32Array; shape: number[]; bytes: number }> {
  const parameter = model.parameters.get(name);
  if (parameter === undefined) return { values: new Float32Array(), shape: [0], bytes: 0 };
  return {
    values: await readParameter(parameter),
    shape: [...parameter.shape],
    bytes: storedBytes(parameter.storage),
  };
}

function extent(values: Float32Array): { min: number; max: number } {
  let min = Infinity;
  let max = -Infinity;
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { min, max };
}

/** Signal-to-noise of a layer's quantized output before and after, on the sample, as the next layer sees it. */
async function noiseFigures(
  entry: GroupToReport,
  reader: Group['readers'][number],
  before: ShapedValues,
  after: ShapedValues,
): Promise<Record<string, number>> {
  const { original, editor, group, groups, equalized, statistics } = entry;
  const { node, weight } = reader;
  if (statistics === undefined || statistics.sample.count === 0) return {};
  const { channelOf } = group;
  const quantization = entry.quantizationOf(weight);
  const shape = [statistics.sample.count, ...statistics.rowShape()];
  const values = statistics.sample.rows();
  const x = layerInput({ values, shape });
  const scaled = layerInput({
    values: scaleColumns(values, equalized.scale, channelOf, innerOf(shape)),
    shape,
  });
  const importance = {
    before: await rowImportance(original, groups, weight),
    after: await rowImportance(editor.model, groups, weight),
  };
  try {
    const plain = decibels(await outputNoise(node, x, before, quantization, importance.before));
    const balanced = decibels(await outputNoise(node, scaled, after, quantization, importance.after));
    if (plain === undefined || balanced === undefined) return {};
    return { snrDbBefore: plain, snrDb: balanced, snrDbGain: balanced - plain };
  } finally {
    x.dispose();
    scaled.dispose();
    tf.dispose(Object.values(importance).filter((tensor) => tensor !== undefined));
  }
}

/** Reports ranges before and after and the signal-to-noise gained for each layer of a group. */
export async function reportGroup(entry: GroupToReport): Promise<void> {
  const { original, editor, group, equalized } = entry;
  const { range, scale, alpha, rule, site } = equalized;
  const inputs: Record<string, number> = {};
  if (range.min.length > 0) {
    const before = scaledRange(range, new Float32Array(scale.length).fill(1));
    const after = scaledRange(range, scale);
    inputs.inputMinBefore = before.min;
    inputs.inputMaxBefore = before.max;
    inputs.inputMin = after.min;
    inputs.inputMax = after.max;
  }
  for (const reader of group.readers) {
    const { layer, weight } = reader;
    const before = await weightOf(original, weight);
    const after = await weightOf(editor.model, weight);
    const weights = { before: extent(before.values), after: extent(after.values) };
    editor.report({
      layer,
      parameter: weight,
      modifier: modifierName,
      scheme: `${rule}${alpha === undefined ? '' : ` α ${alpha.toFixed(2)}`}, into ${site}`,
      bytesBefore: before.bytes,
      bytesAfter: after.bytes,
      figures: {
        ...inputs,
        weightMinBefore: weights.before.min,
        weightMaxBefore: weights.before.max,
        weightMin: weights.after.min,
        weightMax: weights.after.max,
        ...(await noiseFigures(entry, reader, before, after)),
      },
      note: `with ${describeQuantization(entry.quantizationOf(weight))} in mind`,
    });
  }
}
