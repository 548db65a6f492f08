import type * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { completeCode } from '../src/backend/complete-code.js';
import { appendRowsPass } from '../src/kernels/append-rows.js';
import { groupwiseProductPass } from '../src/kernels/groupwise-linear.js';
import { int8BlockProductPass, quantizeInt8BlocksPass } from '../src/kernels/int8-block-product.js';
import { int8ProductPass } from '../src/kernels/int8-linear.js';
import type { PackedWeight } from '../src/kernels/packed-weight.js';
import { quantizePass } from '../src/kernels/quantize-activation.js';
import { octetAt, octetBytesAt, valueAt } from '../src/wgsl/unpack-levels.js';
import { sumAt, workgroupSum, workgroupSumDeclarations } from '../src/wgsl/workgroup-sum.js';

/** A tensor that only its shape matters of. */
function shaped(shape: number[], dtype: tf.DataType = 'int32'): tf.TensorInfo {
  return { dataId: {}, shape, dtype };
}

function packed(bits: number): PackedWeight {
  return {
    form: { bits, zeroPoints: false, alignedGroups: true },
    rows: 8,
    columns: 64,
    inputs: [],
    uniforms: [],
  };
}

const int8 = {
  activation: shaped([2, 20]),
  levels: shaped([8, 16]),
  rows: 8,
  columns: 64,
  shifted: false,
  zeroPoints: [],
  epilogue: { scales: shaped([8, 1], 'float32'), bias: [] },
  dot: 'packed',
  smallestSubgroup: undefined,
} as const;

/** Generated code is kept here, so that a change of it is seen in review; what it computes other tests say. */
describe('generated WGSL', () => {
  it('reads eight levels of 4 bits from one word', () => {
    expect(octetAt(packed(4).form)).toMatchInlineSnapshot(`
      "
      struct Octet { a : vec4<f32>, b : vec4<f32> }

      fn octetAt(row : i32, octet : i32) -> Octet {
        let start = row * uniforms.words;
        let low = u32(levels[start + octet]);
        let column = 8 * octet;
        let group = row * uniforms.groups + min(column / uniforms.groupSize, uniforms.groups - 1);
        let zero = vec4<i32>(0);
        let scale = scales[group];
        return Octet(vec4<f32>(vec4<i32>(i32(((low >> 0u) & 15u)), i32(((low >> 4u) & 15u)), i32(((low >> 8u) & 15u)), i32(((low >> 12u) & 15u))) - vec4<i32>(8) - zero) * scale, vec4<f32>(vec4<i32>(i32(((low >> 16u) & 15u)), i32(((low >> 20u) & 15u)), i32(((low >> 24u) & 15u)), i32(((low >> 28u) & 15u))) - vec4<i32>(8) - zero) * scale);
      }"
    `);
  });

  it('reads eight levels of 3 bits from two words, with zero points, where groups cut through', () => {
    expect(octetAt({ bits: 3, zeroPoints: true, alignedGroups: false })).toMatchInlineSnapshot(`
      "
      struct Octet { a : vec4<f32>, b : vec4<f32> }
      fn scaled(level : i32, row : i32, column : i32) -> f32 {
        let group = row * uniforms.groups + min(column / uniforms.groupSize, uniforms.groups - 1);
        return f32(level - zeroPoints[group]) * scales[group];
      }
      fn octetAt(row : i32, octet : i32) -> Octet {
        let start = row * uniforms.words;
        let byte = u32(octet) * 3u;
        let word = start + i32(byte >> 2u);
        let shift = 8u * (byte & 3u);
        let w0 = u32(levels[word]);
        let w1 = u32(levels[word + 1]);
        let low = select((w0 >> shift) | (w1 << ((32u - shift) & 31u)), w0, shift == 0u);
        
        let column = 8 * octet;
        return Octet(vec4<f32>(scaled(i32(((low >> 0u) & 7u)) - 4, row, column + 0), scaled(i32(((low >> 3u) & 7u)) - 4, row, column + 1), scaled(i32(((low >> 6u) & 7u)) - 4, row, column + 2), scaled(i32(((low >> 9u) & 7u)) - 4, row, column + 3)), vec4<f32>(scaled(i32(((low >> 12u) & 7u)) - 4, row, column + 4), scaled(i32(((low >> 15u) & 7u)) - 4, row, column + 5), scaled(i32(((low >> 18u) & 7u)) - 4, row, column + 6), scaled(i32(((low >> 21u) & 7u)) - 4, row, column + 7)));
      }"
    `);
  });

  it('reads one level of 5 bits', () => {
    expect(valueAt({ bits: 5, zeroPoints: true, alignedGroups: true })).toMatchInlineSnapshot(`
      "
      fn valueAt(row : i32, column : i32) -> f32 {
        let bit = u32(column) * 5u;
        let word = row * uniforms.words + i32(bit >> 5u);
        let shift = bit & 31u;
        var level = u32(levels[word]) >> shift;
        if (shift > 27u) { level |= u32(levels[word + 1]) << (32u - shift); }
        let group = row * uniforms.groups + column / uniforms.groupSize;
        let signed = i32(level & 31u) - 16 - zeroPoints[group];
        return f32(signed) * scales[group];
      }"
    `);
  });

  it('multiplies one row of int8', () => {
    expect(int8ProductPass({ ...int8, m: 1 }).code).toMatchInlineSnapshot(`
      "

      fn workgroupNumber() -> i32 {
        return i32((workgroupId.z * numWorkgroups.y + workgroupId.y) * numWorkgroups.x + workgroupId.x);
      }

      fn dotInt8(a : u32, b : u32) -> i32 { return dot4I8Packed(a, b); }

      fn finish(row : i32, channel : i32, products : i32, weightSum : i32) {
        let header = row * uniforms.activationWords;
        var sum = products;
        
        
        
        let scale = bitcast<f32>(activation[header]) * scales[channel];
        result[row * uniforms.rows + channel] = f32(sum) * scale;
      }
      var<workgroup> partial : array<i32, 256>;
      fn main(index : i32) {
        let across = (uniforms.rows + 3) / 4;
        let firstRow = (workgroupNumber() / across) * 1;
        let firstChannel = (workgroupNumber() % across) * 4;
        let a_0 = min(firstRow + 0, uniforms.m - 1) * uniforms.activationWords + 4;
        let b_0 = min(firstChannel + 0, uniforms.rows - 1) * uniforms.words;
      let b_1 = min(firstChannel + 1, uniforms.rows - 1) * uniforms.words;
      let b_2 = min(firstChannel + 2, uniforms.rows - 1) * uniforms.words;
      let b_3 = min(firstChannel + 3, uniforms.rows - 1) * uniforms.words;
        var acc_0_0 = 0;
      var acc_0_1 = 0;
      var acc_0_2 = 0;
      var acc_0_3 = 0;
        
        for (var word = i32(localIndex); word < uniforms.words; word += 64) {
          let x_0 = u32(activation[a_0 + word]);
          let w_0 = u32(levels[b_0 + word]);
      let w_1 = u32(levels[b_1 + word]);
      let w_2 = u32(levels[b_2 + word]);
      let w_3 = u32(levels[b_3 + word]);
          acc_0_0 += dotInt8(x_0, w_0);
      acc_0_1 += dotInt8(x_0, w_1);
      acc_0_2 += dotInt8(x_0, w_2);
      acc_0_3 += dotInt8(x_0, w_3);
          
        }
        let lane = i32(localIndex);
        partial[0 + lane] = acc_0_0;
      partial[64 + lane] = acc_0_1;
      partial[128 + lane] = acc_0_2;
      partial[192 + lane] = acc_0_3;
        for (var stride = 32; stride > 0; stride = stride >> 1u) {
          workgroupBarrier();
          if (lane < stride) {
            for (var at = lane; at < 256; at += 64) { partial[at] += partial[at + stride]; }
          }
        }
        workgroupBarrier();
        let row = firstRow + lane / 4;
        let channel = firstChannel + lane % 4;
        if (lane < 4 && row < uniforms.m && channel < uniforms.rows) {
          finish(row, channel, partial[(lane) * 64], 0);
        }
      }
      "
    `);
  });

  it('multiplies one row by 4-bit weights', () => {
    const product = {
      x: shaped([1, 64], 'float32'),
      m: 1,
      weight: packed(4),
      bias: [],
      smallestSubgroup: undefined,
    };
    expect(groupwiseProductPass(product).code).toMatchInlineSnapshot(`
      "

      fn workgroupNumber() -> i32 {
        return i32((workgroupId.z * numWorkgroups.y + workgroupId.y) * numWorkgroups.x + workgroupId.x);
      }


      fn xAt(row : i32, k : i32) -> vec4<f32> {
        if (k >= uniforms.columns) { return vec4<f32>(0.0); }
        return x[(row * uniforms.columns + k) >> 2u];
      }

      struct Octet { a : vec4<f32>, b : vec4<f32> }

      fn octetAt(row : i32, octet : i32) -> Octet {
        let start = row * uniforms.words;
        let low = u32(levels[start + octet]);
        let column = 8 * octet;
        let group = row * uniforms.groups + min(column / uniforms.groupSize, uniforms.groups - 1);
        let zero = vec4<i32>(0);
        let scale = scales[group];
        return Octet(vec4<f32>(vec4<i32>(i32(((low >> 0u) & 15u)), i32(((low >> 4u) & 15u)), i32(((low >> 8u) & 15u)), i32(((low >> 12u) & 15u))) - vec4<i32>(8) - zero) * scale, vec4<f32>(vec4<i32>(i32(((low >> 16u) & 15u)), i32(((low >> 20u) & 15u)), i32(((low >> 24u) & 15u)), i32(((low >> 28u) & 15u))) - vec4<i32>(8) - zero) * scale);
      }
      var<workgroup> partial : array<f32, 256>;
      fn main(index : i32) {
        let across = (uniforms.rows + 3) / 4;
        let firstRow = (workgroupNumber() / across) * 1;
        let firstChannel = (workgroupNumber() % across) * 4;
        let lane = i32(localIndex);
        let row_0 = min(firstRow + 0, uniforms.m - 1);
        let channel_0 = min(firstChannel + 0, uniforms.rows - 1);
      let channel_1 = min(firstChannel + 1, uniforms.rows - 1);
      let channel_2 = min(firstChannel + 2, uniforms.rows - 1);
      let channel_3 = min(firstChannel + 3, uniforms.rows - 1);
        var acc_0_0 = 0.0;
      var acc_0_1 = 0.0;
      var acc_0_2 = 0.0;
      var acc_0_3 = 0.0;
        for (var octet = lane; 8 * octet < uniforms.columns; octet += 64) {
          let x_0 = xAt(row_0, 8 * octet);
          let y_0 = xAt(row_0, 8 * octet + 4);
          let w_0 = octetAt(channel_0, octet);
          acc_0_0 += dot(x_0, w_0.a) + dot(y_0, w_0.b);
      let w_1 = octetAt(channel_1, octet);
          acc_0_1 += dot(x_0, w_1.a) + dot(y_0, w_1.b);
      let w_2 = octetAt(channel_2, octet);
          acc_0_2 += dot(x_0, w_2.a) + dot(y_0, w_2.b);
      let w_3 = octetAt(channel_3, octet);
          acc_0_3 += dot(x_0, w_3.a) + dot(y_0, w_3.b);
        }
        partial[0 + lane] = acc_0_0;
      partial[64 + lane] = acc_0_1;
      partial[128 + lane] = acc_0_2;
      partial[192 + lane] = acc_0_3;
        for (var stride = 32; stride > 0; stride = stride >> 1u) {
          workgroupBarrier();
          if (lane < stride) {
            for (var at = lane; at < 256; at += 64) { partial[at] += partial[at + stride]; }
          }
        }
        workgroupBarrier();
        let row = firstRow + lane / 4;
        let channel = firstChannel + lane % 4;
        if (lane < 4 && row < uniforms.m && channel < uniforms.rows) {
          result[row * uniforms.rows + channel] = partial[(lane) * 64];
        }
      }
      "
    `);
  });

  it('multiplies many rows by 4-bit weights in tiles', () => {
    const product = {
      x: shaped([64, 64], 'float32'),
      m: 64,
      weight: packed(4),
      bias: [],
      smallestSubgroup: undefined,
    };
    expect(groupwiseProductPass(product).code).toMatchInlineSnapshot(`
      "

      fn workgroupNumber() -> i32 {
        return i32((workgroupId.z * numWorkgroups.y + workgroupId.y) * numWorkgroups.x + workgroupId.x);
      }


      fn xAt(row : i32, k : i32) -> vec4<f32> {
        if (k >= uniforms.columns) { return vec4<f32>(0.0); }
        return x[(row * uniforms.columns + k) >> 2u];
      }

      struct Octet { a : vec4<f32>, b : vec4<f32> }

      fn octetAt(row : i32, octet : i32) -> Octet {
        let start = row * uniforms.words;
        let low = u32(levels[start + octet]);
        let column = 8 * octet;
        let group = row * uniforms.groups + min(column / uniforms.groupSize, uniforms.groups - 1);
        let zero = vec4<i32>(0);
        let scale = scales[group];
        return Octet(vec4<f32>(vec4<i32>(i32(((low >> 0u) & 15u)), i32(((low >> 4u) & 15u)), i32(((low >> 8u) & 15u)), i32(((low >> 12u) & 15u))) - vec4<i32>(8) - zero) * scale, vec4<f32>(vec4<i32>(i32(((low >> 16u) & 15u)), i32(((low >> 20u) & 15u)), i32(((low >> 24u) & 15u)), i32(((low >> 28u) & 15u))) - vec4<i32>(8) - zero) * scale);
      }
      var<workgroup> left : array<vec4<f32>, 512>;
      var<workgroup> right : array<vec4<f32>, 512>;
      fn main(index : i32) {
        let across = (uniforms.rows + 63) / 64;
        let firstRow = (workgroupNumber() / across) * 64;
        let firstChannel = (workgroupNumber() % across) * 64;
        let lane = i32(localIndex);
        // Neighbouring threads compute neighbouring channels, and read neighbouring vectors.
        let tx = lane % 16;
        let ty = lane / 16;
        // Each thread brings eight columns of one line of both tiles.
        let line = lane / 4;
        let part = lane % 4;
        let row = min(firstRow + line, uniforms.m - 1);
        let channel = min(firstChannel + line, uniforms.rows - 1);
        var acc_0_0 = 0.0;
      var acc_0_1 = 0.0;
      var acc_0_2 = 0.0;
      var acc_0_3 = 0.0;
      var acc_1_0 = 0.0;
      var acc_1_1 = 0.0;
      var acc_1_2 = 0.0;
      var acc_1_3 = 0.0;
      var acc_2_0 = 0.0;
      var acc_2_1 = 0.0;
      var acc_2_2 = 0.0;
      var acc_2_3 = 0.0;
      var acc_3_0 = 0.0;
      var acc_3_1 = 0.0;
      var acc_3_2 = 0.0;
      var acc_3_3 = 0.0;
        for (var start = 0; start < uniforms.columns; start += 32) {
          let k = start + 8 * part;
          let w = octetAt(channel, k >> 3u);
          left[2 * part * 64 + line] = xAt(row, k);
          left[(2 * part + 1) * 64 + line] = xAt(row, k + 4);
          right[2 * part * 64 + line] = w.a;
          right[(2 * part + 1) * 64 + line] = w.b;
          workgroupBarrier();
          for (var v = 0; v < 8; v++) {
            let a_0 = left[v * 64 + ty + 0];
      let a_1 = left[v * 64 + ty + 16];
      let a_2 = left[v * 64 + ty + 32];
      let a_3 = left[v * 64 + ty + 48];
            let b_0 = right[v * 64 + tx + 0];
      let b_1 = right[v * 64 + tx + 16];
      let b_2 = right[v * 64 + tx + 32];
      let b_3 = right[v * 64 + tx + 48];
            acc_0_0 += dot(a_0, b_0);
      acc_0_1 += dot(a_0, b_1);
      acc_0_2 += dot(a_0, b_2);
      acc_0_3 += dot(a_0, b_3);
      acc_1_0 += dot(a_1, b_0);
      acc_1_1 += dot(a_1, b_1);
      acc_1_2 += dot(a_1, b_2);
      acc_1_3 += dot(a_1, b_3);
      acc_2_0 += dot(a_2, b_0);
      acc_2_1 += dot(a_2, b_1);
      acc_2_2 += dot(a_2, b_2);
      acc_2_3 += dot(a_2, b_3);
      acc_3_0 += dot(a_3, b_0);
      acc_3_1 += dot(a_3, b_1);
      acc_3_2 += dot(a_3, b_2);
      acc_3_3 += dot(a_3, b_3);
          }
          workgroupBarrier();
        }
        if (firstRow + ty + 0 < uniforms.m && firstChannel + tx + 0 < uniforms.rows) {
          result[(firstRow + ty + 0) * uniforms.rows + firstChannel + tx + 0] =
            acc_0_0;
        }
      if (firstRow + ty + 0 < uniforms.m && firstChannel + tx + 16 < uniforms.rows) {
          result[(firstRow + ty + 0) * uniforms.rows + firstChannel + tx + 16] =
            acc_0_1;
        }
      if (firstRow + ty + 0 < uniforms.m && firstChannel + tx + 32 < uniforms.rows) {
          result[(firstRow + ty + 0) * uniforms.rows + firstChannel + tx + 32] =
            acc_0_2;
        }
      if (firstRow + ty + 0 < uniforms.m && firstChannel + tx + 48 < uniforms.rows) {
          result[(firstRow + ty + 0) * uniforms.rows + firstChannel + tx + 48] =
            acc_0_3;
        }
      if (firstRow + ty + 16 < uniforms.m && firstChannel + tx + 0 < uniforms.rows) {
          result[(firstRow + ty + 16) * uniforms.rows + firstChannel + tx + 0] =
            acc_1_0;
        }
      if (firstRow + ty + 16 < uniforms.m && firstChannel + tx + 16 < uniforms.rows) {
          result[(firstRow + ty + 16) * uniforms.rows + firstChannel + tx + 16] =
            acc_1_1;
        }
      if (firstRow + ty + 16 < uniforms.m && firstChannel + tx + 32 < uniforms.rows) {
          result[(firstRow + ty + 16) * uniforms.rows + firstChannel + tx + 32] =
            acc_1_2;
        }
      if (firstRow + ty + 16 < uniforms.m && firstChannel + tx + 48 < uniforms.rows) {
          result[(firstRow + ty + 16) * uniforms.rows + firstChannel + tx + 48] =
            acc_1_3;
        }
      if (firstRow + ty + 32 < uniforms.m && firstChannel + tx + 0 < uniforms.rows) {
          result[(firstRow + ty + 32) * uniforms.rows + firstChannel + tx + 0] =
            acc_2_0;
        }
      if (firstRow + ty + 32 < uniforms.m && firstChannel + tx + 16 < uniforms.rows) {
          result[(firstRow + ty + 32) * uniforms.rows + firstChannel + tx + 16] =
            acc_2_1;
        }
      if (firstRow + ty + 32 < uniforms.m && firstChannel + tx + 32 < uniforms.rows) {
          result[(firstRow + ty + 32) * uniforms.rows + firstChannel + tx + 32] =
            acc_2_2;
        }
      if (firstRow + ty + 32 < uniforms.m && firstChannel + tx + 48 < uniforms.rows) {
          result[(firstRow + ty + 32) * uniforms.rows + firstChannel + tx + 48] =
            acc_2_3;
        }
      if (firstRow + ty + 48 < uniforms.m && firstChannel + tx + 0 < uniforms.rows) {
          result[(firstRow + ty + 48) * uniforms.rows + firstChannel + tx + 0] =
            acc_3_0;
        }
      if (firstRow + ty + 48 < uniforms.m && firstChannel + tx + 16 < uniforms.rows) {
          result[(firstRow + ty + 48) * uniforms.rows + firstChannel + tx + 16] =
            acc_3_1;
        }
      if (firstRow + ty + 48 < uniforms.m && firstChannel + tx + 32 < uniforms.rows) {
          result[(firstRow + ty + 48) * uniforms.rows + firstChannel + tx + 32] =
            acc_3_2;
        }
      if (firstRow + ty + 48 < uniforms.m && firstChannel + tx + 48 < uniforms.rows) {
          result[(firstRow + ty + 48) * uniforms.rows + firstChannel + tx + 48] =
            acc_3_3;
        }
      }
      "
    `);
  });

  it('quantizes rows by their largest magnitude', () => {
    const x = shaped([2, 64], 'float32');
    const { code } = quantizePass(x, 2, 64, { kind: 'token' }, undefined);
    // The division's code has tests of its own.
    expect(code.slice(code.indexOf('var<workgroup>'))).toMatchInlineSnapshot(`
      "var<workgroup> above : array<u32, 64>;
      var<workgroup> below : array<u32, 64>;
      var<workgroup> sums : array<i32, 64>;

      fn reduce_above() {
        for (var stride = 32u; stride > 0u; stride = stride >> 1u) {
          workgroupBarrier();
          if (localIndex < stride) { above[localIndex] = max(above[localIndex], above[localIndex + stride]); }
        }
        workgroupBarrier();
      }

      fn reduce_below() {
        for (var stride = 32u; stride > 0u; stride = stride >> 1u) {
          workgroupBarrier();
          if (localIndex < stride) { below[localIndex] = max(below[localIndex], below[localIndex + stride]); }
        }
        workgroupBarrier();
      }
      fn main(index : i32) {
        // Workgroups beyond the rows compute the last one again.
        let row = min(workgroupNumber(), uniforms.rows - 1);
        let base = row * uniforms.columns;
        
        var bits = 0u;
        for (var k = i32(localIndex); k < uniforms.columns; k += 64) {
          bits = max(bits, bitcast<u32>(x[base + k]) & 0x7fffffffu);
        }
        above[localIndex] = bits;
        reduce_above();
        var scale = max(divideExactly(bitcast<f32>(above[0]), 127.5), 1.1920928955078125e-7f);
        if (above[0] >= infinityBits) { scale = notANumber(above[0]); }
        let reciprocal = divideExactly(1.0, scale);
        let zeroPoint = 0;
        let out = row * uniforms.words;
        var sum = 0;
        for (var word = i32(localIndex); word < uniforms.words - 4; word += 64) {
          var packed = 0u;
          for (var i = 0; i < 4; i++) {
            let k = 4 * word + i;
            if (k < uniforms.columns) {
              // Far above any level and far below overflow.
              var rounded = i32(clamp(round(x[base + k] * reciprocal), -65536.0, 65536.0));
              // NaN has the smallest level; a clamp may give it either end.
              if ((bitcast<u32>(x[base + k]) & 0x7fffffffu) > infinityBits) { rounded = -65536; }
              let level = clamp(rounded + zeroPoint, -128, uniforms.upperEnd);
              sum += level;
              packed |= (u32(level) & 255u) << (8u * u32(i));
            }
          }
          result[out + 4 + word] = i32(packed);
        }
        sums[localIndex] = sum;
        for (var stride = 32u; stride > 0u; stride = stride >> 1u) {
          workgroupBarrier();
          if (localIndex < stride) { sums[localIndex] += sums[localIndex + stride]; }
        }
        if (localIndex == 0u) {
          result[out] = bitcast<i32>(scale);
          result[out + 1] = zeroPoint;
          result[out + 2] = sums[0];
          result[out + 3] = 0;
        }
      }
      "
    `);
  });

  it('reads eight levels of 4 bits as bytes of two words, and of 3 bits', () => {
    expect(octetBytesAt(packed(4).form)).toMatchInlineSnapshot(`
      "
      struct OctetBytes { a : u32, b : u32, zero : i32, scale : f32 }
      fn octetBytesAt(row : i32, octet : i32) -> OctetBytes {
        let start = row * uniforms.words;
        let low = u32(levels[start + octet]);
        let group = row * uniforms.groups + min((8 * octet) / uniforms.groupSize, uniforms.groups - 1);
        return OctetBytes(low & 0x0f0f0f0fu, (low >> 4u) & 0x0f0f0f0fu, 8, scales[group]);
      }"
    `);
    expect(octetBytesAt({ bits: 3, zeroPoints: true, alignedGroups: true })).toMatchInlineSnapshot(`
      "
      struct OctetBytes { a : u32, b : u32, zero : i32, scale : f32 }
      fn octetBytesAt(row : i32, octet : i32) -> OctetBytes {
        let start = row * uniforms.words;
        let byte = u32(octet) * 3u;
        let word = start + i32(byte >> 2u);
        let shift = 8u * (byte & 3u);
        let w0 = u32(levels[word]);
        let w1 = u32(levels[word + 1]);
        let low = select((w0 >> shift) | (w1 << ((32u - shift) & 31u)), w0, shift == 0u);
        
        let group = row * uniforms.groups + min((8 * octet) / uniforms.groupSize, uniforms.groups - 1);
        return OctetBytes((((low >> 0u) & 7u) << 0u) | (((low >> 3u) & 7u) << 8u) | (((low >> 6u) & 7u) << 16u) | (((low >> 9u) & 7u) << 24u), (((low >> 12u) & 7u) << 0u) | (((low >> 15u) & 7u) << 8u) | (((low >> 18u) & 7u) << 16u) | (((low >> 21u) & 7u) << 24u), 4 + zeroPoints[group], scales[group]);
      }"
    `);
  });

  it('multiplies a row of int8 blocks with 4-bit weights in integers', () => {
    const x = shaped([1, 18]);
    const product = { x, m: 1, weight: packed(4), bias: [], smallestSubgroup: 32, dot: 'packed' } as const;
    expect(int8BlockProductPass(product).code).toMatchInlineSnapshot(`
      "

      fn workgroupNumber() -> i32 {
        return i32((workgroupId.z * numWorkgroups.y + workgroupId.y) * numWorkgroups.x + workgroupId.x);
      }

      fn dotInt8(a : u32, b : u32) -> i32 { return dot4I8Packed(a, b); }

      struct OctetBytes { a : u32, b : u32, zero : i32, scale : f32 }
      fn octetBytesAt(row : i32, octet : i32) -> OctetBytes {
        let start = row * uniforms.words;
        let low = u32(levels[start + octet]);
        let group = row * uniforms.groups + min((8 * octet) / uniforms.groupSize, uniforms.groups - 1);
        return OctetBytes(low & 0x0f0f0f0fu, (low >> 4u) & 0x0f0f0f0fu, 8, scales[group]);
      }
      enable subgroups;
      requires subgroup_id;
      var<private> subgroupId : u32;
      var<private> subgroupCount : u32;
      var<workgroup> partial : array<f32, 8>;
      fn main(index : i32) {
        let across = (uniforms.rows + 3) / 4;
        let firstRow = (workgroupNumber() / across) * 1;
        let firstChannel = (workgroupNumber() % across) * 4;
        let lane = i32(localIndex);
        let row_0 = min(firstRow + 0, uniforms.m - 1) * uniforms.xWords;
        let channel_0 = min(firstChannel + 0, uniforms.rows - 1);
      let channel_1 = min(firstChannel + 1, uniforms.rows - 1);
      let channel_2 = min(firstChannel + 2, uniforms.rows - 1);
      let channel_3 = min(firstChannel + 3, uniforms.rows - 1);
        var acc_0_0 = 0.0;
      var acc_0_1 = 0.0;
      var acc_0_2 = 0.0;
      var acc_0_3 = 0.0;
        for (var octet = lane; 8 * octet < uniforms.columns; octet += 64) {
          let x_0 = u32(x[row_0 + 2 * octet]);
          let y_0 = u32(x[row_0 + 2 * octet + 1]);
          let s_0 = bitcast<f32>(x[row_0 + uniforms.xLevelWords + octet / 4]);
          let all_0 = dotInt8(x_0, 0x01010101u) + dotInt8(y_0, 0x01010101u);
          let w_0 = octetBytesAt(channel_0, octet);
          acc_0_0 += f32(dotInt8(x_0, w_0.a) + dotInt8(y_0, w_0.b) - w_0.zero * all_0) * (s_0 * w_0.scale);
      let w_1 = octetBytesAt(channel_1, octet);
          acc_0_1 += f32(dotInt8(x_0, w_1.a) + dotInt8(y_0, w_1.b) - w_1.zero * all_0) * (s_0 * w_1.scale);
      let w_2 = octetBytesAt(channel_2, octet);
          acc_0_2 += f32(dotInt8(x_0, w_2.a) + dotInt8(y_0, w_2.b) - w_2.zero * all_0) * (s_0 * w_2.scale);
      let w_3 = octetBytesAt(channel_3, octet);
          acc_0_3 += f32(dotInt8(x_0, w_3.a) + dotInt8(y_0, w_3.b) - w_3.zero * all_0) * (s_0 * w_3.scale);
        }
        let within_0 = subgroupAdd(acc_0_0);
      let within_1 = subgroupAdd(acc_0_1);
      let within_2 = subgroupAdd(acc_0_2);
      let within_3 = subgroupAdd(acc_0_3);
        if (subgroupElect()) {
          partial[0 + i32(subgroupId)] = within_0;
      partial[2 + i32(subgroupId)] = within_1;
      partial[4 + i32(subgroupId)] = within_2;
      partial[6 + i32(subgroupId)] = within_3;
        }
        workgroupBarrier();
        if (lane < 4) {
          for (var slot = 1; slot < i32(subgroupCount); slot++) { partial[lane * 2] += partial[lane * 2 + slot]; }
        }
        workgroupBarrier();
        let row = firstRow + lane / 4;
        let channel = firstChannel + lane % 4;
        if (lane < 4 && row < uniforms.m && channel < uniforms.rows) {
          result[row * uniforms.rows + channel] = partial[(lane) * 2];
        }
      }
      "
    `);
    expect(
      quantizeInt8BlocksPass(shaped([1, 64], 'float32'), 1, 64, 4).code.split('fn main')[1],
    ).toMatchInlineSnapshot(`
      "(index : i32) {
        if (index >= uniforms.all) { return; }
        let row = index / uniforms.blocks;
        let block = index % uniforms.blocks;
        let start = row * uniforms.columns + 32 * block;
        let used = min(32, uniforms.columns - 32 * block);
        let scale = blockScale(start, start + used);
        let reciprocal = divideExactly(1.0, scale);
        var packed : array<u32, 8>;
        for (var i = 0; i < used; i++) {
          let level = i32(round(x[start + i] * reciprocal));
          let at = (i & ~7) | ((i & 1) << 2u) | ((i & 7) >> 1u);
          packed[at >> 2u] |= (u32(level) & 255u) << (8u * (u32(at) & 3u));
        }
        let out = row * uniforms.words;
        for (var word = 0; word < 8; word++) {
          result[out + 8 * block + word] = i32(packed[word]);
        }
        result[out + uniforms.words - uniforms.blocks + block] = bitcast<i32>(scale);
      }
      "
    `);
  });

  it('sums within subgroups first where there are some', () => {
    const sum = { type: 'f32', threads: 64, count: 2, smallestSubgroup: 32 } as const;
    expect(
      [workgroupSumDeclarations(sum), workgroupSum(sum, ['a', 'b']), sumAt(sum, 'lane')].join('\n'),
    ).toMatchInlineSnapshot(`
      "enable subgroups;
      requires subgroup_id;
      var<private> subgroupId : u32;
      var<private> subgroupCount : u32;
      var<workgroup> partial : array<f32, 4>;
      let within_0 = subgroupAdd(a);
      let within_1 = subgroupAdd(b);
        if (subgroupElect()) {
          partial[0 + i32(subgroupId)] = within_0;
      partial[2 + i32(subgroupId)] = within_1;
        }
        workgroupBarrier();
        if (lane < 2) {
          for (var slot = 1; slot < i32(subgroupCount); slot++) { partial[lane * 2] += partial[lane * 2 + slot]; }
        }
        workgroupBarrier();
      partial[(lane) * 2]"
    `);
  });

  it('puts directives before the declarations that tfjs writes, and the subgroup into its entry point', () => {
    const code = `
var<private> localId: vec3<u32>;
enable subgroups;
  requires subgroup_id;
enable subgroups;
var<private> subgroupId : u32;
fn _start(@builtin(local_invocation_id) LocalId : vec3<u32>) {
        localId = LocalId;
}`;
    expect(completeCode(code)).toMatchInlineSnapshot(`
      "enable subgroups;
      requires subgroup_id;

      var<private> localId: vec3<u32>;



      var<private> subgroupId : u32;
      fn _start(@builtin(subgroup_id) SubgroupId : u32, @builtin(num_subgroups) SubgroupCount : u32,
                      @builtin(local_invocation_id) LocalId : vec3<u32>) {
              subgroupId = SubgroupId;
              subgroupCount = SubgroupCount;
              localId = LocalId;
      }"
    `);
    const plain = 'fn _start(@builtin(local_invocation_id) LocalId : vec3<u32>) { localId = LocalId; }';
    expect(completeCode(plain)).toBe(plain);
  });

  it('names code that differs differently', () => {
    const keys = [
      int8ProductPass({ ...int8, m: 1 }),
      int8ProductPass({ ...int8, m: 2 }),
      int8ProductPass({ ...int8, m: 1, smallestSubgroup: 4 }),
      int8ProductPass({ ...int8, m: 1, smallestSubgroup: 32 }),
      int8ProductPass({ ...int8, m: 64 }),
      int8ProductPass({ ...int8, m: 64, dot: 'unpacked' }),
      int8ProductPass({ ...int8, m: 64, shifted: true }),
      ...[2, 3, 4, 5, 6, 7, 8].map((bits) =>
        int8BlockProductPass({
          x: shaped([1, 18]),
          m: 1,
          weight: packed(bits),
          bias: [],
          smallestSubgroup: undefined,
          dot: 'packed',
        }),
      ),
      ...[2, 3, 4, 5, 6, 7, 8].map((bits) =>
        groupwiseProductPass({
          x: shaped([64, 64], 'float32'),
          m: 64,
          weight: packed(bits),
          bias: [],
          smallestSubgroup: undefined,
        }),
      ),
    ];
    expect(new Set(keys.map(({ key }) => key)).size).toBe(new Set(keys.map(({ code }) => code)).size);
  });

  it('writes rows behind others', () => {
    const { code, uniforms } = appendRowsPass(shaped([1, 2, 8], 'float32'), shaped([1, 64, 8], 'float32'), 5);
    expect(Object.fromEntries(uniforms.map(({ name, value }) => [name, value]))).toEqual({
      elements: 16,
      perSample: 16,
      perSampleInto: 512,
      offset: 40,
    });
    expect(code).toMatchInlineSnapshot(`
      "
      fn main(index : i32) {
        if (index >= uniforms.elements) { return; }
        let sample = index / uniforms.perSample;
        result[sample * uniforms.perSampleInto + uniforms.offset + index % uniforms.perSample] = rows[index];
      }
      "
    `);
  });
});
