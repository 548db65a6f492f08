import { TampError } from '@tamp/core';
import type * as tf from '@tensorflow/tfjs-core';
import type { HeapDataType } from '../backend/heap-tensor-data.js';
import {
  type HeapOutput,
  type TampCpuBackend,
  type Temporaries,
  tampCpuBackend,
  withTemporaries,
} from '../backend/tamp-cpu-backend.js';

/** One call of a kernel: its inputs as addresses, its attributes checked, its result. */
export interface KernelCall {
  readonly backend: TampCpuBackend;
  readonly temporaries: Temporaries;
  /** An input that must be there. */
  input(name: string): tf.TensorInfo;
  /** Address of an input's values. */
  pointer(name: string, dtype: HeapDataType): number;
  /** Address of an input's values, or 0 when it is absent. */
  optionalPointer(name: string, dtype: HeapDataType): number;
  number(attribute: string): number;
  text(attribute: string): string;
  flag(attribute: string): boolean;
  /** A new tensor for a result. */
  output(shape: readonly number[], dtype: HeapDataType): HeapOutput;
}

/** A kernel of this backend as tfjs registers it; `body` writes the result into what `call.output` gave. */
export function defineKernel(
  kernelName: string,
  backendName: string,
  body: (call: KernelCall) => tf.TensorInfo | tf.TensorInfo[],
): tf.KernelConfig {
  return {
    kernelName,
    backendName,
    kernelFunc: ({ inputs, attrs = {}, backend: given }) => {
      const backend = tampCpuBackend(given);
      const fail = (problem: string): never => {
        throw new TampError(`the kernel ${kernelName} ${problem}`, { code: 'internal' });
      };
      const outputs: HeapOutput[] = [];
      try {
        return withTemporaries(backend, (temporaries) =>
          body({
            backend,
            temporaries,
            input: (name) => inputs[name] ?? fail(`was called without its input ${name}`),
            pointer: (name, dtype) =>
              backend.pointer(
                inputs[name] ?? fail(`was called without its input ${name}`),
                dtype,
                temporaries,
              ),
            optionalPointer(name, dtype) {
              const info = inputs[name];
              return info === undefined ? 0 : backend.pointer(info, dtype, temporaries);
            },
            number(name) {
              const value = attrs[name];
              return typeof value === 'number' ? value : fail(`needs the number ${name}`);
            },
            text(name) {
              const value = attrs[name];
              return typeof value === 'string' ? value : fail(`needs the text ${name}`);
            },
            flag: (name) => attrs[name] === true,
            output(shape, dtype) {
              const output = backend.output(shape, dtype);
              outputs.push(output);
              return output;
            },
          }),
        );
      } catch (error) {
        for (const { info } of outputs) backend.disposeIntermediateTensorInfo(info);
        throw error;
      }
    },
  };
}
