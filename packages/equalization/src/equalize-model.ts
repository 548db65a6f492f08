import {
  type CalibrationBatches,
  type Model,
  nodesByName,
  type PipelineOptions,
  type PipelineResult,
  parseModifierOptions,
  runBasic,
  runDataFree,
  TampError,
} from '@tamp/core';
import { createEqualization } from './equalization.js';
import type { EqualizedGroup, ValueRanges } from './equalized-group.js';
import { equalizationModifier } from './modifier.js';
import { modifierName } from './modifier-name.js';
import { type ObserversConfig, observersOf } from './observers-config.js';
import { scaledRange, type ValueRange } from './scales/channel-range.js';
import type { EqualizationOptions } from './settings.js';

/** How a model is equalized: data, observers, progress and cancelling. */
export interface EqualizeRunOptions extends PipelineOptions {
  /** Not needed for cross-layer equalization without smoothing. */
  readonly calibration?: CalibrationBatches;
  readonly observers?: ObserversConfig;
  /**
   * Whether {@link EqualizationResult.ranges} are those of the equalized model. `false`: between connected layers those of
   * the model before, as PyTorch's conversion leaves them. Default true.
   */
  readonly rederiveRanges?: boolean;
}

/** The equalized model, what was done, and ranges for static quantization. */
export interface EqualizationResult extends PipelineResult {
  readonly groups: readonly EqualizedGroup[];
  /** Ranges of the equalized inputs, by the name of the node of the new model that has the values. */
  readonly ranges: ValueRanges;
}

function rangesOf(model: Model, groups: readonly EqualizedGroup[], rederive: boolean): ValueRanges {
  const ranges = new Map<string, ValueRange>();
  const byName = nodesByName(model.graph);
  for (const { value, site, scale, range } of groups) {
    if (range.min.length === 0) continue;
    const ones = new Float32Array(scale.length).fill(1);
    if (site === 'mul') {
      const mul = model.graph.nodes.find(
        (node) => node.kind === 'operator' && node.operator === 'mul' && node.inputs[0] === value,
      );
      if (mul !== undefined) ranges.set(mul.name, scaledRange(range, scale));
    } else {
      const node = byName.get(value);
      // Behind pooling or reshape the range is that of what came before, which the equalized model's run shows.
      if (node?.kind === 'operator' && ['max_pool2d', 'flatten'].includes(node.operator)) continue;
      ranges.set(value, scaledRange(range, rederive ? scale : ones));
    }
  }
  return ranges;
}

/**
 * Equalizes a model without quantizing it: its function stays, its channels fit one scale better. The model given is not
 * changed. Rejects with a `TampError`: `usage` before any work when the options do not suit the model or data is
 * missing; `data`, naming the layer, for NaN and infinities.
 */
export async function equalizeModel(
  model: Model,
  options: EqualizationOptions = {},
  { calibration, observers = {}, rederiveRanges = true, ...run }: EqualizeRunOptions = {},
): Promise<EqualizationResult> {
  const settings = parseModifierOptions(equalizationModifier, options);
  const { modifier, groups } = createEqualization(settings, observersOf(observers));
  modifier.plan(model);
  const named = [{ name: modifierName, modifier }];
  if (modifier.needs !== 'nothing' && (calibration === undefined || calibration.count === 0)) {
    throw new TampError('equalization needs calibration data', {
      code: 'usage',
      remedy: "Give calibration batches, or choose chains: 'cross-layer' and smooth: 'off'.",
    });
  }
  const result =
    calibration === undefined
      ? await runDataFree(model, named, run)
      : await runBasic(model, named, calibration, run);
  return { ...result, groups, ranges: rangesOf(result.model, groups, rederiveRanges) };
}
