/**
 * WGSL for float32 arithmetic with the bits of the CPU kernels. An int8 layer's scale puts its largest input on a tie
 * (max|x| / 127.5), so a last bit that differs moves levels; what feeds such layers is therefore computed with the same
 * operations in the same order. Code that uses it has the uniform `nothing`, an int32 0.
 */

/**
 * `rounded(x)`: x as it is. A compiler may fuse a product and a sum into one rounding; it cannot through integer
 * operations whose operand it does not know.
 */
export const roundedProduct = `
fn rounded(x : f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) ^ u32(uniforms.nothing)); }
`;

/** The uniform that {@link roundedProduct} needs. */
export const nothingUniform = { name: 'nothing', type: 'int32', value: 0 } as const;

/** \`expExactly(x)\`, after {@link roundedProduct}: e^x within two units on [-87, 88], clamped beyond (Cephes' expf). */
export const exactExp = `
fn expExactly(given : f32) -> f32 {
  let x = max(min(given, 88.0), -87.0);
  let n = round(x * 1.44269504088896341);
  // ln 2 in two parts: the first has few bits, so its product with n is exact.
  var r = x + rounded(n * -0.693359375);
  r = r + rounded(n * 2.12194440e-4);
  var p = 1.3981999507e-3 + rounded(1.9875691500e-4 * r);
  p = 8.3334519073e-3 + rounded(p * r);
  p = 4.1665795894e-2 + rounded(p * r);
  p = 1.6666665459e-1 + rounded(p * r);
  p = 5.0000001201e-1 + rounded(p * r);
  p = (r + rounded(p * rounded(r * r))) + 1.0;
  return p * bitcast<f32>((i32(n) + 127) << 23u);
}
`;

/** `sqrtExactly(x)`, after `exactDivision`: the square root, correctly rounded; x is normal or 0. */
export const exactSqrt = `
fn sqrtExactly(x : f32) -> f32 {
  let bits = bitcast<u32>(x);
  if (bits < 0x800000u) { return 0.0; }
  // x = mantissa · 2^exponent with an even exponent; the mantissa has 24 or 25 bits.
  var exponent = exponentOf(bits) - 23;
  var mantissa = mantissaOf(bits);
  if ((exponent & 1) != 0) { mantissa = mantissa << 1u; exponent -= 1; }
  // The root of mantissa · 2^26, digit by digit, two bits of the radicand at a time.
  var root = 0u;
  var remainder = 0u;
  for (var i = 12; i >= -13; i--) {
    remainder = remainder << 2u;
    if (i >= 0) { remainder |= (mantissa >> (2u * u32(i))) & 3u; }
    let trial = (root << 2u) | 1u;
    root = root << 1u;
    if (remainder >= trial) { remainder -= trial; root |= 1u; }
  }
  return roundToFloat(0u, root, remainder != 0u, exponent / 2 - 13);
}
`;
