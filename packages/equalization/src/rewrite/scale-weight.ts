/** Multiplies column j of a weight [rows, columns, inner] by factor[channelOf[j]]; float32, a new array. */
export function scaleColumns(
  weight: Float32Array,
  factor: Float32Array,
  channelOf: Int32Array,
  inner: number,
): Float32Array {
  const columns = channelOf.length;
  return weight.map((value, i) => value * factor[channelOf[Math.floor(i / inner) % columns]]);
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
