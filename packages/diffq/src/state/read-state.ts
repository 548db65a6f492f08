import { elementCount, float16ToFloat32, isTampError, maxUniformBits, TampError } from '@tamp/core';
import { unpackPlanes } from './planes.js';
import type {
  PackedEntry,
  PlainEntry,
  QuantizedState,
  StoredDense,
  StoredParameter,
  UnpackedState,
} from './state.js';

/** A parameter the model has. */
export interface ExpectedParameter {
  readonly name: string;
  readonly shape: readonly number[];
}

/** What a state must hold to fit a model. */
export interface ExpectedState {
  readonly method: QuantizedState['method'];
  readonly quantized: readonly ExpectedParameter[];
  readonly float16: readonly ExpectedParameter[];
  readonly others: readonly ExpectedParameter[];
  readonly buffers: readonly ExpectedParameter[];
}

function damaged(layer: string, problem: string): TampError {
  return new TampError(`the state is damaged: ${problem}`, { code: 'format', at: { layer } });
}

/** Bits per group and levels of a packed entry. Throws a `TampError` (`format`) when it is damaged. */
function unpackEntry(entry: PackedEntry): StoredParameter {
  const { name, shape, groupSize, minBits, scales, groups, buckets } = entry;
  try {
    const codes = entry.bits === null ? new Uint16Array(groups) : unpackPlanes(entry.bits);
    const bits = Uint8Array.from(codes, (code) => code + minBits);
    const unpacked = buckets.map((planes) => (planes === null ? new Uint16Array(0) : unpackPlanes(planes)));
    const next = unpacked.map(() => 0);
    const wide = bits.some((b) => b > 8);
    const levels = wide ? new Uint16Array(groups * groupSize) : new Uint8Array(groups * groupSize);
    bits.forEach((b, g) => {
      const at = next[b - 1];
      const bucket = unpacked[b - 1];
      if (bucket === undefined || at + groupSize > bucket.length) {
        throw damaged(name, `it lacks the levels of group ${g} with ${b} bits`);
      }
      levels.set(bucket.subarray(at, at + groupSize), g * groupSize);
      next[b - 1] = at + groupSize;
    });
    return { name, shape, groupSize, minBits, scales, bits, levels };
  } catch (error) {
    throw isTampError(error) && error.code !== 'format' ? damaged(name, error.problem) : error;
  }
}

function checkEntry(stored: StoredParameter): void {
  const { name, shape, groupSize, bits, levels, scales } = stored;
  if (levels.length !== elementCount(shape) || bits.length * groupSize !== levels.length) {
    throw damaged(name, `${bits.length} groups of ${groupSize} are not ${elementCount(shape)} elements`);
  }
  if (bits.some((b) => b < 1 || b > maxUniformBits)) throw damaged(name, 'a number of bits is impossible');
  if (levels.some((level, i) => level >> bits[Math.floor(i / groupSize)] !== 0)) {
    throw damaged(name, 'a level does not fit its bits');
  }
  if (!scales.every(Number.isFinite)) throw damaged(name, 'its range is not finite');
}

/** One entry unpacked and checked. */
export function unpackParameter(entry: PlainEntry | PackedEntry): StoredParameter {
  const stored = entry.packing === 'plain' ? entry : unpackEntry(entry);
  checkEntry(stored);
  return stored;
}

/** The whole state unpacked and checked. */
export function unpackState(state: QuantizedState): UnpackedState {
  if (state.format !== 'tamp-diffq' || state.version !== 1) {
    throw new TampError('this is not a quantized state of version 1', { code: 'format' });
  }
  return {
    method: state.method,
    quantized: state.quantized.map(unpackParameter),
    float16: state.float16.map(
      ({ name, shape, values }): StoredDense => ({ name, shape, values: float16ToFloat32(values) }),
    ),
    others: state.others,
    buffers: state.buffers,
  };
}

function checkList(
  what: string,
  found: readonly ExpectedParameter[],
  expected: readonly ExpectedParameter[],
): void {
  const describe = (list: readonly ExpectedParameter[]): string =>
    list.map(({ name, shape }) => `${name} [${shape.join(', ')}]`).join('; ') || 'none';
  if (describe(found) === describe(expected)) return;
  throw new TampError(`the state's ${what} parameters are not the model's`, {
    code: 'format',
    remedy: `The state has ${describe(found)}; the model has ${describe(expected)}. Attach with the options the state was made with.`,
  });
}

/** Unpacks a state for a model. Throws a `TampError` (`format`) when it is damaged or belongs to another model. */
export function readState(state: QuantizedState, expected: ExpectedState): UnpackedState {
  if (state.method !== expected.method) {
    throw new TampError(`the state was made by ${state.method}, not by ${expected.method}`, {
      code: 'format',
    });
  }
  const unpacked = unpackState(state);
  checkList('quantized', unpacked.quantized, expected.quantized);
  checkList('float16', unpacked.float16, expected.float16);
  checkList('other', unpacked.others, expected.others);
  checkList('buffer', unpacked.buffers, expected.buffers);
  for (const { name, shape, values } of [...unpacked.float16, ...unpacked.others, ...unpacked.buffers]) {
    if (values.length !== elementCount(shape)) throw damaged(name, 'its values do not fill its shape');
  }
  return unpacked;
}
