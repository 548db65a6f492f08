import type { ChannelRange } from './channel-range.js';
import { usableScale } from './usable-scale.js';

/**
 * s = sqrt((maxW − minW) / (maxX − minX)) of each channel: multiplying the input by s and dividing the weight's columns
 * by s gives both the same range. 1 for a channel of zero range, or whose range is unset, reversed or not finite.
 * Source: PyTorch's FX `_equalize` (pull request 60034), in float32.
 */
export function inputWeightScale(input: ChannelRange, weight: ChannelRange): Float32Array {
  return input.min.map((low, i) => {
    const inputWidth = Math.fround(input.max[i] - low);
    const weightWidth = Math.fround(weight.max[i] - weight.min[i]);
    if (!(inputWidth > 0 && weightWidth > 0)) return 1;
    return usableScale(Math.sqrt(Math.fround(weightWidth / inputWidth)));
  });
}
