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
export class KernelCall {
  readonly backend: TampCpuBackend;
  readonly temporaries: Temporaries;
  /** What {@link output} has given. */
  readonly outputs: HeapOutput[] = [];
  readonly #kernelName: string;
  readonly #inputs: tf.NamedTensorInfoMap;
  readonly #attributes: tf.NamedAttrMap;

  constructor(
    kernelName: string,
    inputs: tf.NamedTensorInfoMap,
    attributes: tf.NamedAttrMap,
    backend: TampCpuBackend,
    temporaries: Temporaries,
  ) {
    this.#kernelName = kernelName;
    this.#inputs = inputs;
    this.#attributes = attributes;
    this.backend = backend;
    this.temporaries = temporaries;
  }

  /** An input that must be there. */
  input(name: string): tf.TensorInfo {
    return this.#inputs[name] ?? this.#fail(`was called without its input ${name}`);
  }

  /** Address of an input's values. */
  pointer(name: string, dtype: HeapDataType): number {
    return this.backend.pointer(this.input(name), dtype, this.temporaries);
  }

  /** Address of an input's values, or 0 when it is absent. */
  optionalPointer(name: string, dtype: HeapDataType): number {
    return this.#inputs[name] === undefined ? 0 : this.pointer(name, dtype);
  }

  number(attribute: string): number {
    const value = this.#attributes[attribute];
    return typeof value === 'number' ? value : this.#fail(`needs the number ${attribute}`);
  }

  text(attribute: string): string {
    const value = this.#attributes[attribute];
    return typeof value === 'string' ? value : this.#fail(`needs the text ${attribute}`);
  }

  flag(attribute: string): boolean {
    return this.#attributes[attribute] === true;
  }

  /** A new tensor for a result. */
  output(shape: readonly number[], dtype: HeapDataType): HeapOutput {
    const output = this.backend.output(shape, dtype);
    this.outputs.push(output);
    return output;
  }

  #fail(problem: string): never {
    throw new TampError(`the kernel ${this.#kernelName} ${problem}`, { code: 'internal' });
  }
}

/**
 * A kernel of this backend as tfjs registers it; `body` writes the result into what `call.output` gave. When it throws,
 * its outputs are disposed of.
 */
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
      return withTemporaries(backend, (temporaries) => {
        const call = new KernelCall(kernelName, inputs, attrs, backend, temporaries);
        try {
          return body(call);
        } catch (error) {
          for (const { info } of call.outputs) backend.disposeIntermediateTensorInfo(info);
          throw error;
        }
      });
    },
  };
}
