import {
  checkScheme,
  denseStorage,
  elementCount,
  type Model,
  type ModelEditor,
  type Modifier,
  matrixShape,
  nextTask,
  type Observation,
  readParameter,
  storedBytes,
  TampError,
} from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import type { EqualizationRule, EqualizedGroup } from './equalized-group.js';
import { type FoundGroups, findGroups, type LeftLayer } from './groups/find-groups.js';
import { type Group, groupName, isSmooth } from './groups/group.js';
import { modifierName } from './modifier-name.js';
import { type GroupStatistics, groupStatistics } from './observe/group-statistics.js';
import type { ObserversOf } from './observers-config.js';
import { reportGroup } from './report-group.js';
import { insertMul, mulNames, scaleShape } from './rewrite/insert-mul.js';
import { innerOf, reciprocals, scaleColumns, scaleRows } from './rewrite/scale-weight.js';
import { type ChannelRange, emptyRange, joinColumns, magnitudes } from './scales/channel-range.js';
import { crossLayerScale } from './scales/cross-layer-scale.js';
import { inputWeightScale } from './scales/input-weight-scale.js';
import { smoothScale } from './scales/smooth-scale.js';
import { type EqualizationSettings, isDataFree } from './settings.js';
import { assumedQuantization, describeQuantization } from './simulate/assumed-quantization.js';
import { rowImportance } from './simulate/row-importance.js';
import { searchStrength, type WeightedReader } from './simulate/search-strength.js';

/** Cross-layer equalization goes over its pairs until no scale moves by more than this, and at most so often. */
const crossLayerTolerance = 1e-4;
const crossLayerPasses = 20;

function ruleOf(group: Group, { chains }: EqualizationSettings): EqualizationRule {
  if (isSmooth(group)) return 'smooth';
  return chains === 'cross-layer' ? 'cross-layer' : 'input-weight';
}

/** The scale that a group was given. */
interface Chosen {
  readonly group: Group;
  readonly scale: Float32Array;
  readonly alpha?: number;
}

async function valuesOf(model: Model, name: string): Promise<Float32Array> {
  const parameter = model.parameters.get(name);
  if (parameter === undefined) throw new TampError(`the model lacks ${name}`, { code: 'internal' });
  return readParameter(parameter);
}

function shapeOf(model: Model, name: string): readonly number[] {
  return model.parameters.get(name)?.shape ?? [];
}

/** Rewrites a parameter, as float32: nothing of the scale is lost. */
async function change(
  editor: ModelEditor,
  name: string,
  by: (values: Float32Array) => Float32Array,
): Promise<void> {
  const values = by(await valuesOf(editor.model, name));
  editor.setParameter({ name, shape: shapeOf(editor.model, name), storage: denseStorage(values) });
}

/** The largest magnitude of each row. */
function rowMagnitudes(weight: Float32Array, rows: number): Float32Array {
  const length = weight.length / rows;
  return Float32Array.from({ length: rows }, (_, row) =>
    weight
      .subarray(row * length, (row + 1) * length)
      .reduce((most, value) => Math.max(most, Math.abs(value)), 0),
  );
}

/** Divides the readers' columns by the scale and multiplies it into the group's site. */
async function applyScale(editor: ModelEditor, { group, scale }: Chosen): Promise<void> {
  const { site, readers, channelOf } = group;
  const divide = reciprocals(scale);
  for (const { weight } of readers) {
    const inner = innerOf(shapeOf(editor.model, weight));
    await change(editor, weight, (values) => scaleColumns(values, divide, channelOf, inner));
  }
  if (site.kind === 'norm') {
    for (const name of site.parameters) await change(editor, name, (values) => scaleRows(values, scale));
  } else if (site.kind === 'mul') {
    const { parameter } = mulNames(group);
    editor.setParameter({ name: parameter, shape: scaleShape(group), storage: denseStorage(scale) });
    editor.setGraph(insertMul(editor.model.graph, group));
  } else {
    await change(editor, site.weight, (values) => scaleRows(values, scale));
    if (site.bias !== undefined) await change(editor, site.bias, (values) => scaleRows(values, scale));
  }
}

/** Why a group whose layers lie in different regions is left alone: one of them is past when the other's turn comes. */
const inOtherBlock =
  "The layer and what its scale goes into lie in different blocks of the pipeline; use pipeline kind 'basic'.";

/** Reports a layer that stays as it is. */
function reportLeft(editor: ModelEditor, { layer, weight, reason }: LeftLayer): void {
  const parameter = editor.model.parameters.get(weight);
  const bytes = parameter === undefined ? 0 : storedBytes(parameter.storage);
  editor.report({
    layer,
    parameter: weight,
    modifier: modifierName,
    scheme: 'left as it is',
    bytesBefore: bytes,
    bytesAfter: bytes,
    note: reason,
  });
}

/** Throws a `TampError` (`usage`) that names the layer when the group size that is assumed does not divide its width. */
function checkGroupSize(
  model: Model,
  groups: readonly Group[],
  { quantization }: EqualizationSettings,
): void {
  const { weights } = quantization;
  if (typeof weights !== 'object') return;
  const { bits, groupSize } = weights;
  for (const { layer, weight } of groups.flatMap(({ readers }) => readers)) {
    const { columns } = matrixShape(shapeOf(model, weight));
    checkScheme({ bits, symmetric: true, granularity: { kind: 'group', groupSize } }, columns, layer);
  }
}

/** Names of the nodes that rewriting a group touches or relies on. */
function nodesOf({ value, readers, site }: Group): readonly string[] {
  return [value, ...readers.map(({ node }) => node.name), ...(site.kind === 'mul' ? [] : [site.node.name])];
}

/** A modifier at work, and what it has done. */
export interface Equalization {
  readonly modifier: Modifier;
  /** The groups equalized so far, in graph order within a region. */
  readonly groups: readonly EqualizedGroup[];
}

/** Starts the equalization of one model. */
export function createEqualization(settings: EqualizationSettings, observers: ObserversOf): Equalization {
  const statistics = new Map<string, GroupStatistics>();
  const done: EqualizedGroup[] = [];
  /** Names of the values whose groups are done, in an earlier process too. */
  const doneValues = new Set<string>();
  let found: FoundGroups | undefined;
  let quantizationOf = assumedQuantization(settings.quantization, []);

  const rangeOf = ({ value, channelOf, channels }: Group): ChannelRange => {
    const known = statistics.get(value);
    if (known === undefined) return emptyRange(0);
    const columns = known.observer.range();
    return columns.min.length === 0 ? emptyRange(channels) : joinColumns(columns, channelOf, channels);
  };

  /** The range of each channel's columns over all readers. */
  const weightRange = async (
    model: Model,
    { readers, channelOf, channels, columns }: Group,
  ): Promise<ChannelRange> => {
    const joined = emptyRange(channels);
    for (const { node, weight, layer } of readers) {
      const observer = observers(model.graph, node).weight(layer);
      const shape = shapeOf(model, weight);
      observer.observe(await valuesOf(model, weight), shape, 1);
      const range = observer.range();
      if (range.min.length !== columns) {
        throw new TampError(`its input is ${columns} wide, its weight ${range.min.length}`, {
          code: 'usage',
          at: { layer },
        });
      }
      const { min, max } = joinColumns(range, channelOf, channels);
      for (let i = 0; i < channels; i++) {
        joined.min[i] = Math.min(joined.min[i], min[i]);
        joined.max[i] = Math.max(joined.max[i], max[i]);
      }
    }
    return joined;
  };

  const chooseSmooth = async (
    editor: ModelEditor,
    group: Group,
    groups: readonly Group[],
  ): Promise<Chosen> => {
    const { model, signal } = editor;
    const known = statistics.get(group.value);
    if (known === undefined || known.sample.count === 0) {
      throw new TampError('no values were observed', {
        code: 'data',
        at: { layer: groupName(group) },
        remedy: 'Run calibration data through the model first.',
      });
    }
    const inputMagnitude = magnitudes(rangeOf(group));
    const weightMagnitude = magnitudes(await weightRange(model, group));
    if (typeof settings.smooth === 'number') {
      return {
        group,
        alpha: settings.smooth,
        scale: smoothScale(inputMagnitude, weightMagnitude, settings.smooth),
      };
    }
    const readers: WeightedReader[] = [];
    for (const { node, weight } of group.readers) {
      readers.push({
        node,
        weight: { values: await valuesOf(model, weight), shape: shapeOf(model, weight) },
        importance: await rowImportance(model, groups, weight),
        quantization: quantizationOf(weight),
      });
    }
    try {
      const found = await searchStrength({
        inputMagnitude,
        weightMagnitude,
        channelOf: group.channelOf,
        sample: { values: known.sample.rows(), shape: [known.sample.count, ...known.rowShape()] },
        readers,
        signal,
      });
      return { group, ...found };
    } finally {
      tf.dispose(readers.flatMap(({ importance }) => importance ?? []));
    }
  };

  const crossLayer = async (editor: ModelEditor, groups: readonly Group[]): Promise<readonly Chosen[]> => {
    const totals = groups.map(({ channels }) => new Float32Array(channels).fill(1));
    for (let pass = 0; pass < crossLayerPasses; pass++) {
      let moved = 0;
      for (const [i, group] of groups.entries()) {
        if (group.site.kind !== 'layer') continue;
        const { model } = editor;
        const rows = rowMagnitudes(await valuesOf(model, group.site.weight), group.channels);
        const scale = crossLayerScale(rows, magnitudes(await weightRange(model, group)));
        moved = scale.reduce((most, value) => Math.max(most, Math.abs(value - 1)), moved);
        await applyScale(editor, { group, scale });
        totals[i] = totals[i].map((total, channel) => total * scale[channel]);
      }
      if (moved <= crossLayerTolerance) break;
    }
    return groups.map((group, i) => ({ group, scale: totals[i] }));
  };

  const inputWeight = async (editor: ModelEditor, groups: readonly Group[]): Promise<readonly Chosen[]> => {
    // Every scale comes from the weights as they were, before any is rewritten.
    const chosen: Chosen[] = [];
    for (const group of groups) {
      chosen.push({ group, scale: inputWeightScale(rangeOf(group), await weightRange(editor.model, group)) });
    }
    for (const one of chosen) await applyScale(editor, one);
    return chosen;
  };

  const finishGroup = async (
    original: Model,
    editor: ModelEditor,
    chosen: Chosen,
    groups: readonly Group[],
  ): Promise<void> => {
    const { group, scale, alpha } = chosen;
    const rule = ruleOf(group, settings);
    const range = rangeOf(group);
    if (range.min.length > 0) {
      statistics
        .get(group.value)
        ?.observer.setScale(Float32Array.from(group.channelOf, (channel) => scale[channel]));
    }
    const entry: EqualizedGroup = {
      value: group.value,
      layers: group.readers.map(({ layer }) => layer),
      rule,
      site: group.site.kind,
      scale,
      range,
      ...(alpha === undefined ? {} : { alpha }),
    };
    done.push(entry);
    doneValues.add(group.value);
    await reportGroup({
      original,
      editor,
      group,
      equalized: entry,
      statistics: statistics.get(group.value),
      quantizationOf,
      groups,
    });
  };

  return {
    groups: done,
    modifier: {
      needs: isDataFree(settings) ? 'nothing' : 'calibration',
      plan(model, later = []) {
        quantizationOf = assumedQuantization(settings.quantization, later);
        const { groups, left } = findGroups(model, settings);
        checkGroupSize(model, groups, settings);
        const sizes = (weight: string): { readonly stored: number; readonly float32: number } => {
          const parameter = model.parameters.get(weight);
          if (parameter === undefined) return { stored: 0, float32: 0 };
          return { stored: storedBytes(parameter.storage), float32: 4 * elementCount(parameter.shape) };
        };
        return {
          targets: [
            ...groups.flatMap((group) =>
              group.readers.map(({ layer, weight }) => ({
                layer,
                parameter: weight,
                scheme: `${ruleOf(group, settings)} for ${describeQuantization(quantizationOf(weight))}, into ${group.site.kind}`,
                bytesBefore: sizes(weight).stored,
                bytesAfter: sizes(weight).float32,
              })),
            ),
            ...left.map(({ layer, weight }) => ({
              layer,
              parameter: weight,
              scheme: 'left as it is',
              bytesBefore: sizes(weight).stored,
              bytesAfter: sizes(weight).stored,
            })),
          ],
        };
      },
      observe(region, model) {
        found ??= findGroups(model, settings);
        const observations: Observation[] = [];
        if (isDataFree(settings)) return observations;
        for (const group of found.groups) {
          if (!nodesOf(group).every((node) => region.nodes.has(node))) continue;
          const observer = observers(model.graph, group.readers[0].node).input(groupName(group));
          const known = groupStatistics(group, observer, settings.sampleRows);
          statistics.set(group.value, known);
          observations.push({
            node: group.value,
            observe: async (value) => known.observe(Float32Array.from(await value.data()), value.shape),
          });
        }
        return observations;
      },
      async rewrite(region, editor) {
        found ??= findGroups(editor.model, settings);
        // The editor's parameters change in place.
        const original: Model = { ...editor.model, parameters: new Map(editor.model.parameters) };
        const here = found.groups.filter((group) => nodesOf(group).every((node) => region.nodes.has(node)));
        const chains = here.filter((group) => !isSmooth(group));
        const chosen: Chosen[] = [
          ...(settings.chains === 'cross-layer'
            ? await crossLayer(editor, chains)
            : await inputWeight(editor, chains)),
        ];
        // Later layers first: a group's readers then have the rows they keep when its own scale is chosen.
        for (const group of here.filter(isSmooth).reverse()) {
          editor.signal.throwIfAborted();
          const one = await chooseSmooth(editor, group, here);
          await applyScale(editor, one);
          chosen.push(one);
          await nextTask();
        }
        for (const group of here) {
          const one = chosen.find((candidate) => candidate.group === group);
          if (one !== undefined) await finishGroup(original, editor, one, here);
        }
      },
      async finish(editor) {
        const { groups, left }: FoundGroups = found ?? { groups: [], left: [] };
        const apart = groups
          .filter(({ value }) => !doneValues.has(value))
          .flatMap(({ readers }) =>
            readers.map(({ layer, weight }) => ({ layer, weight, reason: inOtherBlock })),
          );
        for (const entry of [...left, ...apart]) reportLeft(editor, entry);
      },
      saveState: () => [...doneValues],
      restoreState(state) {
        for (const value of Array.isArray(state) ? state : [])
          if (typeof value === 'string') doneValues.add(value);
      },
    },
  };
}
