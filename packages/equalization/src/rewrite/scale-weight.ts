/** Elements of a weight or an image per row and column: windows of a convolution, pixels of a channel. */
export function innerOf(shape: readonly number[]): number {
  return shape.slice(2).reduce((product, size) => product * size, 1);
}

/** Multiplies column j of a weight [rows, columns, inner] by factor[channelOf[j]]; float32, a new array. */
export function scaleColumns(
  weight: Float32Array,
  factor: Float32Array,
  channelOf: Int32Array,
  inner: number,
): Float32Array {
  const scaled = new Float32Array(weight.length);
  let at = 0;
  while (at < weight.length) {
    for (const channel of channelOf) {
      const by = factor[channel];
      for (const end = at + inner; at < end; at++) scaled[at] = weight[at] * by;
    }
  }
  return scaled;
}

/** Multiplies row n of a weight (or element n of a bias) by factor[n]; float32, a new array. */
export function scaleRows(weight: Float32Array, factor: Float32Array): Float32Array {
  const length = weight.length / factor.length;
  return weight.map((value, i) => value * factor[Math.floor(i / length)]);
}

/** The float32 reciprocals of scales. */
export function reciprocals(scale: Float32Array): Float32Array {
  return scale.map((value) => 1 / value);
}
