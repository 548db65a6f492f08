import { deflateSync } from 'fflate';
import type { Planes, QuantizedState } from './state.js';

type Bytes = Int16Array | BigInt64Array | Uint8Array | Uint16Array | Float32Array;

function arraysOf(state: QuantizedState): readonly Bytes[] {
  const arrays: Bytes[] = [];
  const add = (planes: Planes | null): void => {
    if (planes !== null) arrays.push(planes.words);
  };
  for (const entry of state.quantized) {
    arrays.push(entry.scales);
    if (entry.packing === 'plain') arrays.push(entry.bits, entry.levels);
    else {
      add(entry.bits);
      entry.buckets.forEach(add);
    }
  }
  for (const list of [state.float16, state.others]) {
    for (const { values } of list) arrays.push(values);
  }
  return arrays;
}

/** Size in bits of a state's parameters after DEFLATE, in one stream. Buffers are no parameters. */
export function compressedBits(state: QuantizedState): number {
  const arrays = arraysOf(state);
  const bytes = new Uint8Array(arrays.reduce((sum, array) => sum + array.byteLength, 0));
  let at = 0;
  for (const { buffer, byteOffset, byteLength } of arrays) {
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += byteLength;
  }
  return deflateSync(bytes).length * 8;
}
