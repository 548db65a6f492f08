/**
 * Runs the relaxed instructions that the kernels use on `rounds` pseudo-random vectors and counts the lanes that
 * differ from scalar arithmetic. `room`: 48 bytes. An engine may accept these instructions and still compile them
 * wrongly, so validation is no proof.
 */
export function relaxedMismatches(room: usize, rounds: i32): i32 {
  if (!ASC_FEATURE_RELAXED_SIMD) return 0;
  let wrong = 0,
    state: u32 = 0x9e3779b9;
  for (let round = 0; round < rounds; round++) {
    for (let i: usize = 0; i < 16; i++) {
      state = state * 1664525 + 1013904223;
      // The ends of both ranges come up every fourth time.
      const pick = (state >> 8) & 7;
      store<i8>(room + i, pick == 0 ? -128 : pick == 1 ? 127 : <i8>(state >> 16));
      store<u8>(room + i, pick == 2 ? 127 : pick == 3 ? 0 : <u8>((state >> 24) & 127), 16);
    }
    v128.store(room, i16x8.relaxed_dot_i8x16_i7x16_s(v128.load(room), v128.load(room, 16)), 32);
    for (let i: usize = 0; i < 8; i++) {
      const at = room + (i << 1),
        expected = <i32>load<i8>(at) * <i32>load<u8>(at, 16) + <i32>load<i8>(at, 1) * <i32>load<u8>(at, 17);
      if (<i32>load<i16>(at, 32) != expected) wrong++;
    }
    // Small integers: the product and the sum are exact, so fused and separate rounding agree.
    const a = f32x4.convert_i32x4_s(i32x4.shr_s(v128.load(room), 20)),
      b = f32x4.convert_i32x4_s(i32x4.shr_s(v128.load(room, 16), 20)),
      sum = f32x4.relaxed_madd(a, b, a);
    if (v128.any_true(f32x4.ne(sum, f32x4.add(f32x4.mul(a, b), a)))) wrong++;
  }
  return wrong;
}

/**
 * The same for `relaxed_dot_i8x16_i7x16_add` with unsigned bytes of all eight bits as its second operand: beyond seven
 * bits the standard leaves the result to the engine, and on processors with AVX-VNNI it is the exact one.
 */
export function wideDotMismatches(room: usize, rounds: i32): i32 {
  if (!ASC_FEATURE_RELAXED_SIMD) return rounds;
  let wrong = 0,
    state: u32 = 0x2545f491;
  for (let round = 0; round < rounds; round++) {
    for (let i: usize = 0; i < 16; i++) {
      state = state * 1664525 + 1013904223;
      const pick = (state >> 8) & 7;
      store<i8>(room + i, pick == 0 ? -128 : pick == 1 ? 127 : <i8>(state >> 16));
      store<u8>(room + i, pick < 3 ? 255 : pick == 3 ? 128 : <u8>(state >> 24), 16);
    }
    const start = i32x4.splat(<i32>state >> 4);
    v128.store(room, i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(room), v128.load(room, 16), start), 32);
    for (let i: usize = 0; i < 16; i += 4) {
      let expected = <i32>state >> 4;
      for (let j: usize = 0; j < 4; j++)
        expected += <i32>load<i8>(room + i + j) * <i32>load<u8>(room + i + j, 16);
      if (load<i32>(room + i, 32) != expected) wrong++;
    }
  }
  return wrong;
}
