import type * as tf from '@tensorflow/tfjs-core';
import { doubleBits, Task } from '../wasm/tasks.js';
import { defineKernel } from './kernel-call.js';

/** Groups of one unit, as in `assembly/gptq/search-ranges.ts`. */
const GROUPS_PER_UNIT = 16;
/** Bytes of a thread's record of the group at hand, with room to align what follows. */
const GROUP_BYTES = 192;

/** The contract `TampSearchRanges`. */
export function searchRangesKernel(backendName: string): tf.KernelConfig {
  return defineKernel('TampSearchRanges', backendName, (call) => {
    const [rows = 0, columns = 0] = call.input('weight').shape;
    const { pool } = call.backend.runtime;
    const bits = call.number('bits');
    const length = call.number('length');
    const gridPoints = call.number('gridPoints');
    const count = length === 0 ? 0 : (rows * columns) / length;
    const weight = call.pointer('weight', 'float32');
    const importance = call.pointer('importance', 'float32');
    const scales = call.output([count], 'float32');
    const zeroPoints = call.flag('symmetric') ? undefined : call.output([count], 'int32');
    // Three arrays of the group, three pairs of the grid, all float64.
    pool.reserveScratch(GROUP_BYTES + 3 * length * 8 + 6 * (gridPoints + 2) * 8);
    pool.run(
      Task.searchRanges,
      [
        weight,
        importance,
        scales.pointer,
        zeroPoints?.pointer ?? 0,
        count,
        length,
        columns,
        -(2 ** (bits - 1)),
        2 ** (bits - 1) - 1,
        call.flag('signedScales') ? 1 : 0,
        gridPoints,
        call.number('scaleFormat'),
        ...doubleBits(call.number('maxShrink')),
        ...doubleBits(call.number('emphasis')),
      ],
      Math.ceil(count / GROUPS_PER_UNIT),
      rows * columns * 100,
    );
    return zeroPoints === undefined ? [scales.info] : [scales.info, zeroPoints.info];
  });
}
