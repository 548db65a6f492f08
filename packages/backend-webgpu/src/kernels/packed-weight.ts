import { wordsPerRow } from '@tamp/core';
import type { ProgramInput, ProgramUniform } from '../program/compute-program.js';
import type { KernelCall } from '../program/kernel-call.js';
import { groupsAreAligned, type PackedForm } from '../wgsl/unpack-levels.js';

/** A call's packed weight: what code is generated from, and what that code reads. */
export interface PackedWeight {
  readonly form: PackedForm;
  readonly rows: number;
  readonly columns: number;
  /** levels, scales and zeroPoints. */
  readonly inputs: readonly ProgramInput[];
  /** rows, columns, words, groups and groupSize. */
  readonly uniforms: readonly ProgramUniform[];
}

/** Reads the inputs and attributes that the kernels on weights of 2 to 8 bits have in common. */
export function packedWeight(call: KernelCall): PackedWeight {
  const bits = call.number('bits');
  const rows = call.number('rows');
  const columns = call.number('columns');
  const groupSize = call.number('groupSize');
  return {
    form: {
      bits,
      zeroPoints: call.has('zeroPoints'),
      alignedGroups: groupsAreAligned(groupSize, columns),
    },
    rows,
    columns,
    inputs: [
      { name: 'levels', tensor: call.input('levels') },
      { name: 'scales', tensor: call.input('scales') },
      ...call.optional('zeroPoints'),
    ],
    uniforms: [
      { name: 'rows', type: 'int32', value: rows },
      { name: 'columns', type: 'int32', value: columns },
      { name: 'words', type: 'int32', value: wordsPerRow(columns, bits) },
      { name: 'groups', type: 'int32', value: columns / groupSize },
      { name: 'groupSize', type: 'int32', value: groupSize },
    ],
  };
}
