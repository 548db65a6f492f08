/** Smallest and largest value of each channel. A channel without values has min > max. */
export interface ChannelRange {
  readonly min: Float32Array;
  readonly max: Float32Array;
}

/** Ranges that hold nothing yet. */
export function emptyRange(channels: number): ChannelRange {
  return { min: new Float32Array(channels).fill(Infinity), max: new Float32Array(channels).fill(-Infinity) };
}

/** The ranges of columns as ranges of the channels they belong to. */
export function joinColumns(
  { min, max }: ChannelRange,
  channelOf: Int32Array,
  channels: number,
): ChannelRange {
  const joined = emptyRange(channels);
  for (const [column, channel] of channelOf.entries()) {
    joined.min[channel] = Math.min(joined.min[channel], min[column]);
    joined.max[channel] = Math.max(joined.max[channel], max[column]);
  }
  return joined;
}

/** The largest magnitude of each channel; 0 for one without values. */
export function magnitudes({ min, max }: ChannelRange): Float32Array {
  return min.map((low, i) => (low > max[i] ? 0 : Math.max(-low, max[i])));
}

/** A range of all channels together. */
export interface ValueRange {
  readonly min: number;
  readonly max: number;
}

/** The range over all channels once each is multiplied by its scale; scales are positive. */
export function scaledRange({ min, max }: ChannelRange, scale: Float32Array): ValueRange {
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < min.length; i++) {
    low = Math.min(low, Math.fround(min[i] * scale[i]));
    high = Math.max(high, Math.fround(max[i] * scale[i]));
  }
  return { min: low, max: high };
}
