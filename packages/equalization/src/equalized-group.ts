import type { Group } from './groups/group.js';
import type { ChannelRange, ValueRange } from './scales/channel-range.js';

/** By which rule a group was equalized. */
export type EqualizationRule = 'input-weight' | 'cross-layer' | 'smooth';

/** What was done to one value and the layers that read it. */
export interface EqualizedGroup {
  /** Name of the node whose value was scaled. */
  readonly value: string;
  readonly layers: readonly string[];
  readonly rule: EqualizationRule;
  /** Where the scale went: the norm, the layer before, its up- or value projection, or a `mul`. */
  readonly site: Group['site']['kind'];
  /** The factor of each channel of the value. */
  readonly scale: Float32Array;
  /** The observed range of each channel before; without channels when no data was needed. */
  readonly range: ChannelRange;
  /** SmoothQuant's strength; absent for other rules, and where no strength improved on doing nothing. */
  readonly alpha?: number;
}

/** Ranges of values by the name of the node that has them. */
export type ValueRanges = ReadonlyMap<string, ValueRange>;
