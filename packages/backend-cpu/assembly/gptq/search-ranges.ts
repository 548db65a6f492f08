/** How scales are stored; the numbers are those of `src/kernels/search-ranges.ts`. */
const FLOAT16: i32 = 1;
const BFLOAT16: i32 = 2;
/** Groups of one unit. */
const GROUPS_PER_UNIT: i32 = 16;
const MAX_REFINEMENTS: i32 = 12;
const LARGEST_GROWTH: f64 = 1.25;
const ZERO_POINT_REACH: i32 = 2;
/** What a scale of zero becomes: 2^-23. */
const SMALLEST_SCALE: f32 = 1.1920928955078125e-7;

/** The argument block of {@link searchRanges}. */
@unmanaged
export class SearchRanges {
  /** float32 [count, length], of rows of `columns`. */
  weight: usize;
  /** float32 [columns]. */
  importance: usize;
  /** float32 [count] and int32 [count]; the latter 0 for a symmetric scheme. */
  scales: usize;
  zeroPoints: usize;
  count: i32;
  length: i32;
  columns: i32;
  min: i32;
  max: i32;
  signedScales: i32;
  gridPoints: i32;
  format: i32;
  maxShrink: f64;
  emphasis: f64;
}

/** A group at work: float64 arrays in the thread's scratch, and the best choice so far. */
@unmanaged
class Group {
  /** [length] each: w, importance · |w|^emphasis, and their product. */
  values: usize;
  factors: usize;
  weighted: usize;
  /**
   * [gridPoints + 2] pairs each, what a grid point adds to both sums: for steps that two candidates share, and each. The
   * last is for what lies beyond the grid.
   */
  shared: usize;
  bins0: usize;
  bins1: usize;
  length: i32;
  gridPoints: i32;
  min: i32;
  max: i32;
  format: i32;
  zeroPoint: i32;
  scale: f32;
  /** A scale that the format cannot hold was met. */
  overflow: i32;
  error: f64;
  /** The grid over inverse scales: its first point, and points per unit. */
  first: f64;
  perUnit: f64;
}

/**
 * Scale and zero point of each group for the smallest squared error, weighted by importance · |w|^emphasis: the search of
 * @tamp/core, operation by operation in the same precision, so that it finds the same. A group whose scale its format
 * cannot hold gets infinity. Units: 16 groups.
 */
export function searchRanges(args: usize, begin: i32, end: i32, scratch: usize): void {
  const t = changetype<SearchRanges>(args),
    g = changetype<Group>(scratch),
    bytes = <usize>t.length << 3,
    bins = <usize>(t.gridPoints + 2) << 4;
  g.values = (scratch + offsetof<Group>() + 15) & ~15;
  g.factors = g.values + bytes;
  g.weighted = g.factors + bytes;
  g.shared = (g.weighted + bytes + 15) & ~15;
  g.bins0 = g.shared + bins;
  g.bins1 = g.bins0 + bins;
  g.length = t.length;
  g.gridPoints = t.gridPoints;
  g.min = t.min;
  g.max = t.max;
  g.format = t.format;
  for (let at = begin * GROUPS_PER_UNIT, last = min(end * GROUPS_PER_UNIT, t.count); at < last; at++) {
    searchGroup(t, g, at);
    store<f32>(t.scales + (<usize>at << 2), g.overflow ? Infinity : g.scale);
    if (t.zeroPoints) store<i32>(t.zeroPoints + (<usize>at << 2), g.zeroPoint);
  }
}

function searchGroup(t: SearchRanges, g: Group, at: i32): void {
  let low: f32 = 0,
    high: f32 = 0,
    column = <i32>((<i64>at * <i64>t.length) % <i64>t.columns);
  const from = t.weight + (<usize>at * <usize>t.length << 2);
  for (let i = 0; i < t.length; i++) {
    const value = load<f32>(from + (<usize>i << 2)),
      to = <usize>i << 3;
    let factor = <f64>load<f32>(t.importance + (<usize>column << 2));
    if (t.emphasis != 0) factor *= emphasize(abs<f64>(value), t.emphasis);
    store<f64>(g.values + to, value);
    store<f64>(g.factors + to, factor);
    store<f64>(g.weighted + to, factor * <f64>value);
    if (value < low) low = value;
    if (value > high) high = value;
    if (++column == t.columns) column = 0;
  }
  g.overflow = 0;
  nearest(g, low, high, t.zeroPoints == 0);
  if (low == 0 && high == 0) return;
  g.error = f64x2.extract_lane(errorsOf(g, f32x4.splat(g.scale), f32x4.splat(<f32>g.zeroPoint)), 0);
  const size = abs<f64>(g.scale),
    largest = size * LARGEST_GROWTH,
    smallest = size * (1 - t.maxShrink);
  g.first = 1 / largest;
  g.perUnit = <f64>t.gridPoints / (1 / smallest - g.first);
  if (!t.zeroPoints) {
    const scales = bestScales(g, -t.min, t.max, t.max, -t.min);
    consider(g, f64x2.mul(scales, f64x2(1, -1)), 0, 0, t.signedScales != 0);
    return;
  }
  const middle = g.zeroPoint,
    last = min(t.max, middle + ZERO_POINT_REACH);
  for (let zeroPoint = max(t.min, middle - ZERO_POINT_REACH); zeroPoint <= last; zeroPoint += 2) {
    const other = min(zeroPoint + 1, last),
      scales = bestScales(g, zeroPoint - t.min, t.max - zeroPoint, other - t.min, t.max - other);
    consider(g, scales, zeroPoint, other, other != zeroPoint);
  }
}

function emphasize(magnitude: f64, emphasis: f64): f64 {
  if (emphasis == 1) return magnitude;
  if (emphasis == 2) return magnitude * magnitude;
  return Math.pow(magnitude, emphasis);
}

/** Sets the min-max choice of a group that reaches from `low` ≤ 0 to `high` ≥ 0. */
function nearest(g: Group, low: f32, high: f32, symmetric: bool): void {
  const steps = <f64>(g.max - g.min);
  g.zeroPoint = 0;
  if (symmetric) {
    g.scale = stored(g, max<f64>(-<f64>low, high) / (steps / 2));
    return;
  }
  g.scale = stored(g, <f64>(high - low) / steps);
  const exact: f32 = <f32>g.min - low / g.scale;
  g.zeroPoint = <i32>f32.nearest(min<f32>(max<f32>(exact, <f32>g.min), <f32>g.max));
}

/** A scale as it will be stored; 0 becomes the smallest. */
function stored(g: Group, scale: f64): f32 {
  let value = <f32>scale;
  if (g.format == FLOAT16) value = roundToFloat16(value);
  else if (g.format == BFLOAT16) {
    const word = reinterpret<u32>(value);
    value = reinterpret<f32>((word + 0x7fff + ((word >>> 16) & 1)) & 0xffff0000);
  }
  if (abs<f32>(value) == Infinity) g.overflow = 1;
  return value == 0 ? SMALLEST_SCALE : value;
}

/** The float16 nearest to a number, ties to even. */
function roundToFloat16(value: f32): f32 {
  const size = abs<f32>(value);
  if (size >= 65520) return copysign<f32>(Infinity, value);
  // Below 2^-14 float16 has steps of 2^-24: adding 2^-1, whose float32 steps are these, rounds to them.
  if (size < 6.103515625e-5) return copysign<f32>(size + 0.5 - 0.5, value);
  const word = reinterpret<u32>(value);
  return reinterpret<f32>((word + 0xfff + ((word >>> 13) & 1)) & 0xffffe000);
}

/** Takes one of two choices when its error is smaller; the second only if `both`. */
function consider(g: Group, exact: v128, zeroPoint0: i32, zeroPoint1: i32, both: bool): void {
  const exact0 = f64x2.extract_lane(exact, 0),
    exact1 = f64x2.extract_lane(exact, 1),
    usable0 = exact0 != 0 && abs<f64>(exact0) < Infinity,
    usable1 = both && exact1 != 0 && abs<f64>(exact1) < Infinity,
    scale0: f32 = usable0 ? stored(g, exact0) : 1,
    scale1: f32 = usable1 ? stored(g, exact1) : 1,
    errors = errorsOf(g, f32x4(scale0, scale1, 1, 1), f32x4(<f32>zeroPoint0, <f32>zeroPoint1, 0, 0));
  if (usable0 && f64x2.extract_lane(errors, 0) < g.error) {
    g.scale = scale0;
    g.zeroPoint = zeroPoint0;
    g.error = f64x2.extract_lane(errors, 0);
  }
  if (usable1 && f64x2.extract_lane(errors, 1) < g.error) {
    g.scale = scale1;
    g.zeroPoint = zeroPoint1;
    g.error = f64x2.extract_lane(errors, 1);
  }
}

// `pmin` and `pmax` are one instruction each, `min` and `max`, which ask what NaN and −0 are, seven.

/** Σ factor · (w - ŵ)² for two choices, with ŵ and levels exactly as they will be stored. */
function errorsOf(g: Group, scales: v128, zeroPoints: v128): v128 {
  const low = f32x4.splat(<f32>g.min),
    high = f32x4.splat(<f32>g.max);
  let sum = f64x2.splat(0);
  for (let at: usize = 0, end = <usize>g.length << 3; at < end; at += 8) {
    const value = v128.load_splat<u64>(g.values + at),
      exact = f32x4.add(f32x4.div(f32x4.splat(<f32>f64x2.extract_lane(value, 0)), scales), zeroPoints),
      level = f32x4.nearest(f32x4.pmin(high, f32x4.pmax(low, exact))),
      restored = f32x4.mul(f32x4.sub(level, zeroPoints), scales),
      difference = f64x2.sub(value, f64x2.promote_low_f32x4(restored));
    sum = f64x2.add(sum, f64x2.mul(f64x2.mul(v128.load_splat<u64>(g.factors + at), difference), difference));
  }
  return sum;
}

/** For two candidates, the best scales for the nearest levels at `scales`; steps run from -below to above. */
function refit(g: Group, scales: v128, below: v128, above: v128): v128 {
  let product = f64x2.splat(0),
    square = product;
  for (let at: usize = 0, end = <usize>g.length << 3; at < end; at += 8) {
    const step = f64x2.nearest(
      f64x2.pmin(above, f64x2.pmax(below, f64x2.div(v128.load_splat<u64>(g.values + at), scales))),
    );
    product = f64x2.add(product, f64x2.mul(v128.load_splat<u64>(g.weighted + at), step));
    square = f64x2.add(square, f64x2.mul(f64x2.mul(v128.load_splat<u64>(g.factors + at), step), step));
  }
  return v128.and(f64x2.div(product, square), f64x2.gt(square, f64x2.splat(0)));
}

// Loaded, not constants in the code: see arithmetic/constant-vectors.ts.

/** Added to a number from 0 to 2^31, leaves its integer in the lower word. */
const INTEGER_IN_LOW_WORD: usize = memory.data<f64>([4503599627370496, 4503599627370496], 16);
const TWOS: usize = memory.data<f64>([2, 2], 16);
const NEXT_ODD: usize = memory.data<f64>([0, 2], 16);

/** Adds what the grid gains at the points where an element's level passes `from`…`to`. */
function sweep(g: Group, bins: usize, magnitude: f64, gain: v128, from: i32, to: i32): void {
  const divisor = f64x2.splat(magnitude),
    first = f64x2.splat(g.first),
    perUnit = f64x2.splat(g.perUnit),
    none = f64x2.splat(0),
    beyond = f64x2.splat(<f64>(g.gridPoints + 1)),
    shift = v128.load(INTEGER_IN_LOW_WORD);
  let halves = f64x2.add(f64x2.splat(<f64>from), f64x2(-0.5, 0.5)),
    odd = f64x2.add(f64x2(1, -1), f64x2.mul(f64x2(0, 2), f64x2.splat(<f64>from)));
  const two = v128.load(TWOS),
    nextOdd = v128.load(NEXT_ODD);
  // Without a way out: elements differ in how far they get, and a branch that is guessed wrong costs more than a step.
  for (let step = from; step <= to; step += 2) {
    const exact = f64x2.ceil(f64x2.mul(f64x2.sub(f64x2.div(halves, divisor), first), perUnit)),
      bin = f64x2.add(f64x2.pmin(beyond, f64x2.pmax(none, exact)), shift),
      at = bins + (<usize>i32x4.extract_lane(bin, 0) << 4);
    v128.store(at, f64x2.add(v128.load(at), f64x2.mul(gain, odd)));
    odd = f64x2.add(odd, nextOdd);
    if (step == to) break;
    const next = bins + (<usize>i32x4.extract_lane(bin, 2) << 4);
    v128.store(next, f64x2.add(v128.load(next), f64x2.mul(gain, odd)));
    odd = f64x2.add(odd, nextOdd);
    halves = f64x2.add(halves, two);
  }
}

/** The best scale for the levels that the nearest steps are at one point of the grid; 0 for none. */
function scan(g: Group, bins: usize): f64 {
  let sums = f64x2.splat(0),
    gain: f64 = 0,
    best: f64 = 0;
  for (let at = bins, end = bins + (<usize>(g.gridPoints + 1) << 4); at < end; at += 16) {
    sums = f64x2.add(sums, v128.load(at));
    const product = f64x2.extract_lane(sums, 0),
      square = f64x2.extract_lane(sums, 1);
    // The error left is Σ factor · w² - product² / square.
    if (product * product > gain * square) {
      gain = product * product / square;
      best = product / square;
    }
  }
  return best;
}

/**
 * The best positive scales for steps -below…above of two candidates, from the sweep over the grid and its refinement; 0
 * for none. Steps that both have are counted once.
 */
function bestScales(g: Group, below0: i32, above0: i32, below1: i32, above1: i32): v128 {
  const below = min(below0, below1),
    above = min(above0, above1),
    bytes = <usize>(g.gridPoints + 2) << 4;
  memory.fill(g.shared, 0, bytes);
  for (let at: usize = 0, end = <usize>g.length << 3; at < end; at += 8) {
    const value = load<f64>(g.values + at),
      factor = load<f64>(g.factors + at);
    if (value == 0 || factor == 0) continue;
    const gain = f64x2(abs<f64>(load<f64>(g.weighted + at)), factor);
    sweep(g, g.shared, abs<f64>(value), gain, 1, value < 0 ? below : above);
  }
  memory.copy(g.bins0, g.shared, bytes);
  memory.copy(g.bins1, g.shared, bytes);
  for (let at: usize = 0, end = <usize>g.length << 3; at < end; at += 8) {
    const value = load<f64>(g.values + at),
      factor = load<f64>(g.factors + at);
    if (value == 0 || factor == 0) continue;
    const gain = f64x2(abs<f64>(load<f64>(g.weighted + at)), factor),
      both = value < 0 ? below : above,
      last0 = value < 0 ? below0 : above0,
      last1 = value < 0 ? below1 : above1;
    if (last0 > both) sweep(g, g.bins0, abs<f64>(value), gain, both + 1, last0);
    if (last1 > both) sweep(g, g.bins1, abs<f64>(value), gain, both + 1, last1);
  }
  let best = f64x2(scan(g, g.bins0), scan(g, g.bins1));
  const lows = f64x2(<f64>-below0, <f64>-below1),
    highs = f64x2(<f64>above0, <f64>above1),
    none = f64x2.splat(0);
  for (let round = 0; round < MAX_REFINEMENTS; round++) {
    const next = v128.and(refit(g, best, lows, highs), f64x2.gt(best, none));
    if (i64x2.all_true(f64x2.eq(next, best))) break;
    best = next;
  }
  return best;
}
