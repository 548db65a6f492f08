/**
 * WGSL: divisions with the bits of IEEE 754. WGSL's own `/` may be off by 2.5 units in the last place, and a scale
 * that is off by one unit moves levels. These work on the bits in integers. Numbers are finite and not negative;
 * below 2^-126 they count as zero, as they do in WGSL.
 */
export const exactDivision = `
// (hi · 2^32 + lo + something below 1, if more) · 2^exponent as float32, ties to even.
fn roundToFloat(hi : u32, lo : u32, more : bool, exponent : i32) -> f32 {
  let shift = select(countLeadingZeros(hi), 32u + countLeadingZeros(lo), hi == 0u);
  var top = hi;
  var rest = lo;
  if (shift >= 32u) {
    top = lo << (shift & 31u);
    rest = 0u;
  } else if (shift > 0u) {
    top = (hi << shift) | (lo >> (32u - shift));
    rest = lo << shift;
  }
  var mantissa = top >> 8u;
  let dropped = top & 255u;
  if (dropped > 128u || (dropped == 128u && (more || rest != 0u || (mantissa & 1u) == 1u))) {
    mantissa += 1u;
  }
  let e = exponent + 63 - i32(shift);
  if (e < -126) { return 0.0; }
  // Infinity; WGSL refuses it as a constant.
  if (e > 127) { return bitcast<f32>(0x7f800000u | (u32(e) & 0u)); }
  // A mantissa that was rounded up to 2^24 carries into the exponent.
  return bitcast<f32>((u32(e + 127) << 23u) + mantissa - 0x800000u);
}

fn exponentOf(x : u32) -> i32 { return i32(x >> 23u) - 127; }
fn mantissaOf(x : u32) -> u32 { return (x & 0x7fffffu) | 0x800000u; }

// a / b, correctly rounded; b > 0.
fn divideExactly(a : f32, b : f32) -> f32 {
  let x = bitcast<u32>(a);
  let y = bitcast<u32>(b);
  if (x < 0x800000u) { return 0.0; }
  var remainder = mantissaOf(x);
  let divisor = mantissaOf(y);
  var quotient = 0u;
  for (var i = 0; i < 27; i++) {
    quotient = quotient << 1u;
    if (remainder >= divisor) { remainder -= divisor; quotient |= 1u; }
    remainder = remainder << 1u;
  }
  return roundToFloat(0u, quotient, remainder != 0u, exponentOf(x) - exponentOf(y) - 26);
}
`;

/** WGSL, after {@link exactDivision}: FBGEMM's scale and zero point of a range (core's `chooseAffineParams`). */
export const fbgemmParameters = `
// (a + b) / divisor, rounded once; a >= b, divisor < 2^16. Doubles, in which FBGEMM computes this, round the sum and the
// quotient first; that can only matter when a is above 2^27 · b.
fn divideSumExactly(a : f32, b : f32, divisor : u32) -> f32 {
  let x = bitcast<u32>(a);
  let y = bitcast<u32>(b);
  if (x < 0x800000u) { return 0.0; }
  var hi = mantissaOf(x) << 6u;
  var lo = 0u;
  var more = false;
  if (y >= 0x800000u) {
    let addend = mantissaOf(y) << 6u;
    let distance = u32(exponentOf(x) - exponentOf(y));
    if (distance == 0u) { hi += addend; }
    else if (distance < 32u) { hi += addend >> distance; lo = addend << (32u - distance); }
    else if (distance == 32u) { lo = addend; }
    else if (distance < 64u) { lo = addend >> (distance - 32u); more = (addend << (64u - distance)) != 0u; }
    else { more = true; }
  }
  // Schoolbook division by 16-bit digits.
  let d3 = hi >> 16u;
  let d2 = ((d3 % divisor) << 16u) | (hi & 0xffffu);
  let d1 = ((d2 % divisor) << 16u) | (lo >> 16u);
  let d0 = ((d1 % divisor) << 16u) | (lo & 0xffffu);
  more = more || (d0 % divisor) != 0u;
  return roundToFloat(
    ((d3 / divisor) << 16u) | (d2 / divisor), ((d1 / divisor) << 16u) | (d0 / divisor), more, exponentOf(x) - 61);
}

// roundHalfEven(a / b), for quotients below 2^20.
fn nearestQuotient(a : f32, b : f32) -> i32 {
  let x = bitcast<u32>(a);
  let y = bitcast<u32>(b);
  if (x < 0x800000u) { return 0; }
  var remainder = mantissaOf(x);
  let divisor = mantissaOf(y);
  // Becomes floor(2 · a / b).
  var doubled = 0u;
  for (var i = exponentOf(x) - exponentOf(y) + 2; i > 0; i--) {
    doubled = doubled << 1u;
    if (remainder >= divisor) { remainder -= divisor; doubled |= 1u; }
    remainder = remainder << 1u;
  }
  let whole = doubled >> 1u;
  let up = (doubled & 1u) == 1u && (remainder != 0u || (whole & 1u) == 1u);
  return i32(whole + select(0u, 1u, up));
}

struct Parameters { scale : f32, zeroPoint : i32 }

// For values from -below to above, and levels 0 ... largestLevel.
fn chooseParameters(below : f32, above : f32, largestLevel : u32) -> Parameters {
  let smallest = 6.1e-5f;
  var low = below;
  var scale = divideSumExactly(max(below, above), min(below, above), largestLevel);
  if (scale == 0.0) { scale = 0.1; }
  if (scale < smallest) {
    if (above == 0.0) { low = smallest * f32(largestLevel); }
    else if (below > 0.0) { low = below * divideExactly(smallest, scale); }
    scale = smallest;
  }
  // FBGEMM takes the zero point from the range's other end when that is more accurate, which is when it is
  // largestLevel either way.
  return Parameters(scale, min(nearestQuotient(low, scale), i32(largestLevel)));
}
`;
