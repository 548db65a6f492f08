// Loaded, not a constant in the code: see constant-vectors.ts.
const WITHOUT_SIGN: usize = memory.data<u32>([0x7fffffff, 0x7fffffff, 0x7fffffff, 0x7fffffff], 16);

/**
 * The larger of `largest`, magnitudes already, and the magnitude of v in each lane; NaN when one is. Without their signs,
 * floats are in the order of their bits, NaN above all, and integers have a maximum of one instruction; that of floats,
 * which asks about NaN and −0, takes seven.
 */
// @ts-ignore: decorator
@inline
export function largerMagnitude(largest: v128, v: v128): v128 {
  return i32x4.max_s(largest, v128.and(v, v128.load(WITHOUT_SIGN)));
}

/** The largest lane of {@link largerMagnitude}'s result. */
// @ts-ignore: decorator
@inline
export function largestLane(largest: v128): f32 {
  largest = i32x4.max_s(largest, i32x4.shuffle(largest, largest, 2, 3, 0, 1));
  return f32x4.extract_lane(i32x4.max_s(largest, i32x4.shuffle(largest, largest, 1, 0, 3, 2)), 0);
}
