import { float32ToFloat16, maxUniformBits } from '@tamp/core';
import { codeBits } from '../maths/rounded-bits.js';
import { packPlanes } from './planes.js';
import type {
  PackedEntry,
  Packing,
  Planes,
  QuantizedState,
  StoredParameter,
  UnpackedState,
} from './state.js';

function packEntry(parameter: StoredParameter, layout: Planes['layout']): PackedEntry {
  const { bits, levels, groupSize, minBits, name, shape, scales } = parameter;
  const width = codeBits(
    bits.reduce((largest, b) => Math.max(largest, b), 0),
    minBits,
  );
  const buckets = Array.from({ length: maxUniformBits }, (_, index): Planes | null => {
    const b = index + 1;
    const count = bits.reduce((sum, own) => (own === b ? sum + groupSize : sum), 0);
    if (count === 0) return null;
    const bucket = new Uint16Array(count);
    let at = 0;
    bits.forEach((own, g) => {
      if (own !== b) return;
      bucket.set(levels.subarray(g * groupSize, (g + 1) * groupSize), at);
      at += groupSize;
    });
    return packPlanes(bucket, b, layout);
  });
  return {
    name,
    shape,
    groupSize,
    minBits,
    scales,
    packing: layout,
    groups: bits.length,
    bits:
      width === 0
        ? null
        : packPlanes(
            bits.map((b) => b - minBits),
            width,
            layout,
          ),
    buckets,
  };
}

/** Packs a state. */
export function writeState(packing: Packing, state: UnpackedState): QuantizedState {
  return {
    format: 'tamp-diffq',
    version: 1,
    method: state.method,
    quantized: state.quantized.map((parameter) =>
      packing === 'plain' ? { ...parameter, packing } : packEntry(parameter, packing),
    ),
    float16: state.float16.map(({ name, shape, values }) => ({
      name,
      shape,
      values: float32ToFloat16(values),
    })),
    others: state.others,
    buffers: state.buffers,
  };
}
