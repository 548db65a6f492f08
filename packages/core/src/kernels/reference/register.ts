import * as tf from '@tensorflow/tfjs-core';
import { chooseAffineParams } from '../../affine/affine-params.js';
import { TampError } from '../../errors/tamp-error.js';
import type { PackedKernelName } from '../contract.js';
import {
  dequantizeRow,
  type GroupwiseWeightReference,
  groupwiseLinearReference,
} from './groupwise-linear.js';
import { int8LinearReference } from './int8-linear.js';
import {
  type QuantizedActivation,
  quantizePerTensor,
  quantizePerToken,
  roundToInt8Blocks,
} from './quantize-activation.js';

/** The tfjs backend that the references are registered for. */
const referenceBackend = 'cpu';

/** Typed access to one kernel call's inputs, attributes and result. */
interface KernelCall {
  floats(name: string): Float32Array;
  ints(name: string): Int32Array;
  has(name: string): boolean;
  number(attribute: string): number;
  attribute(name: string): unknown;
  result(values: Float32Array | Int32Array, shape: number[]): tf.TensorInfo;
  shape(name: string): readonly number[];
}

function kernelCall(parameters: Parameters<tf.KernelFunc>[0]): KernelCall {
  const { inputs, attrs } = parameters;
  const backend = parameters.backend as tf.KernelBackend;
  const attributes = attrs ?? {};
  const input = (name: string): tf.TensorInfo => {
    const info = inputs[name];
    if (info === undefined)
      throw new TampError(`a kernel was called without its input ${name}`, { code: 'internal' });
    return info;
  };
  const read = (name: string): ArrayLike<number> =>
    backend.readSync(input(name).dataId) as unknown as ArrayLike<number>;
  return {
    floats: (name) => Float32Array.from(read(name)),
    ints: (name) => Int32Array.from(read(name)),
    has: (name) => inputs[name] !== undefined,
    number: (name) => Number(attributes[name]),
    attribute: (name) => attributes[name],
    shape: (name) => input(name).shape,
    result(values, shape) {
      const dtype = values instanceof Int32Array ? 'int32' : 'float32';
      return { dataId: backend.write(values, shape, dtype), shape, dtype };
    },
  };
}

function groupwiseWeight(call: KernelCall): GroupwiseWeightReference {
  return {
    words: call.ints('levels'),
    bits: call.number('bits'),
    rows: call.number('rows'),
    columns: call.number('columns'),
    groupSize: call.number('groupSize'),
    scales: call.floats('scales'),
    zeroPoints: call.has('zeroPoints') ? call.ints('zeroPoints') : undefined,
  };
}

function quantizeInput(call: KernelCall, x: Float32Array, m: number): QuantizedActivation {
  const kind = call.attribute('activation');
  if (kind === 'token') return quantizePerToken(x, m, call.number('columns'));
  const largestLevel = call.attribute('reduceRange') === true ? 127 : 255;
  if (kind === 'static') {
    return quantizePerTensor(x, m, call.number('scale'), call.number('zeroPoint'), largestLevel);
  }
  let low = 0;
  let high = 0;
  for (const value of x) {
    if (Number.isNaN(value)) low = high = value;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const { scale, zeroPoint } = chooseAffineParams(low, high, { rule: 'fbgemm', qmin: 0, qmax: largestLevel });
  return quantizePerTensor(x, m, scale, zeroPoint, largestLevel);
}

const references: Readonly<Record<PackedKernelName, (call: KernelCall) => tf.TensorInfo>> = {
  TampPackWeights: (call) => call.result(call.ints('levels'), [...call.shape('levels')]),
  TampGroupwiseLinear(call) {
    const weight = groupwiseWeight(call);
    const m = call.shape('x')[0];
    const x = call.floats('x');
    const input = call.attribute('activation') === 'int8-block' ? roundToInt8Blocks(x, m, weight.columns) : x;
    const bias = call.has('bias') ? call.floats('bias') : undefined;
    return call.result(groupwiseLinearReference(input, m, weight, bias), [m, weight.rows]);
  },
  TampInt8Linear(call) {
    const m = call.shape('x')[0];
    const rows = call.number('rows');
    const weight = {
      words: call.ints('levels'),
      rows,
      columns: call.number('columns'),
      scales: call.floats('scales'),
      zeroPoints: call.has('zeroPoints') ? call.ints('zeroPoints') : undefined,
    };
    const activation = quantizeInput(call, call.floats('x'), m);
    const bias = call.has('bias') ? call.floats('bias') : undefined;
    return call.result(int8LinearReference(activation, m, weight, bias), [m, rows]);
  },
  TampGatherRows(call) {
    const table = groupwiseWeight(call);
    const ids = call.ints('ids');
    const out = new Float32Array(ids.length * table.columns);
    ids.forEach((id, i) => {
      if (id < 0 || id >= table.rows) throw new RangeError(`row ${id} of a table of ${table.rows} rows`);
      dequantizeRow(table, id, out.subarray(i * table.columns, (i + 1) * table.columns));
    });
    return call.result(out, [ids.length, table.columns]);
  },
  TampDequantizeWeight(call) {
    const weight = groupwiseWeight(call);
    const out = new Float32Array(weight.rows * weight.columns);
    for (let row = 0; row < weight.rows; row++) {
      dequantizeRow(weight, row, out.subarray(row * weight.columns, (row + 1) * weight.columns));
    }
    return call.result(out, [weight.rows, weight.columns]);
  },
};

/** Registers the plain TypeScript kernels for tfjs's own `cpu` backend, once per process. */
export function registerReferenceKernels(): void {
  for (const [kernelName, reference] of Object.entries(references)) {
    if (tf.getKernel(kernelName, referenceBackend) !== undefined) continue;
    tf.registerKernel({
      kernelName,
      backendName: referenceBackend,
      kernelFunc: (parameters) => reference(kernelCall(parameters)),
    });
  }
}
