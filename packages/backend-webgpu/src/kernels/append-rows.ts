import { roomForRows } from '@tamp/core';
import type * as tf from '@tensorflow/tfjs-core';
import type { ComputePass } from '../program/compute-program.js';
import { defineKernel } from '../program/kernel-call.js';

const threads = 64;

/** Rows of a buffer: those that are written, and those there is room for. */
interface Room {
  used: number;
  readonly rows: number;
}

/** By the identity of a tensor's data, so that it ends with the buffer. */
const rooms = new WeakMap<object, Room>();

/** Copies the rows of each sample to those of `into` from row `first` on. */
export function appendRowsPass(source: tf.TensorInfo, into: tf.TensorInfo, first: number): ComputePass {
  const [batch, rows, width] = source.shape;
  const size = batch * rows * width;
  return {
    key: 'append rows',
    inputs: [{ name: 'rows', tensor: source }],
    uniforms: [
      { name: 'elements', type: 'int32', value: size },
      { name: 'perSample', type: 'int32', value: rows * width },
      { name: 'perSampleInto', type: 'int32', value: into.shape[1] * width },
      { name: 'offset', type: 'int32', value: first * width },
    ],
    output: { shape: into.shape, dtype: 'float32' },
    into,
    workgroupSize: threads,
    workgroups: Math.ceil(size / threads),
    code: `
fn main(index : i32) {
  if (index >= uniforms.elements) { return; }
  let sample = index / uniforms.perSample;
  result[sample * uniforms.perSampleInto + uniforms.offset + index % uniforms.perSample] = rows[index];
}
`,
  };
}

/** `TampAppendRows`. One sequence grows in its own buffer, which is then larger than its tensor; several are copied. */
export function appendRowsKernel(): tf.KernelConfig {
  return defineKernel('TampAppendRows', ({ backend, input, run }) => {
    const past = input('past');
    const rows = input('rows');
    const [batch, length, width] = past.shape;
    const total = length + rows.shape[1];
    const view = (dataId: tf.TensorInfo['dataId']): tf.TensorInfo => ({
      dataId,
      shape: [batch, total, width],
      dtype: 'float32',
    });
    const room = rooms.get(past.dataId);
    // tfjs keeps what was read of a buffer; a later reader would miss what is written behind it.
    const wasRead = (backend.tensorMap.get(past.dataId).values ?? null) !== null;
    if (room !== undefined && room.used === length && total <= room.rows && !wasRead) {
      room.used = total;
      backend.incRef(past.dataId);
      run(appendRowsPass(rows, { ...past, shape: [batch, room.rows, width] }, length));
      return view(past.dataId);
    }
    const capacity = batch === 1 ? roomForRows(total) : total;
    const buffer = backend.makeTensorInfo([batch, capacity, width], 'float32');
    if (length > 0) run(appendRowsPass(past, buffer, 0));
    run(appendRowsPass(rows, buffer, length));
    if (batch === 1) rooms.set(buffer.dataId, { used: total, rows: capacity });
    return view(buffer.dataId);
  });
}
