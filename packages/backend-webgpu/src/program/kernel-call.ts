import { TampError } from '@tamp/core';
import type * as tf from '@tensorflow/tfjs-core';
import { type ComputePass, type ProgramInput, type ProgramRunner, runPass } from './compute-program.js';

/** One call of a kernel: its inputs and attributes, checked, and a way to run passes. */
export interface KernelCall {
  readonly backend: ProgramRunner;
  /** An input that must be there. */
  input(name: string): tf.TensorInfo;
  /** A program's input of the same name, or nothing when the call has none. */
  optional(name: string): ProgramInput[];
  has(name: string): boolean;
  number(attribute: string): number;
  text(attribute: string): string;
  flag(attribute: string): boolean;
  /** Runs a pass whose result is freed when the call ends. */
  intermediate(pass: ComputePass): tf.TensorInfo;
  /** Runs a pass whose result the caller gets. */
  run(pass: ComputePass): tf.TensorInfo;
}

/** tfjs's name of its WebGPU backend. */
export const backendName = 'webgpu';

function isProgramRunner(backend: unknown): backend is ProgramRunner {
  return typeof backend === 'object' && backend !== null && 'runWebGPUProgram' in backend;
}

/** A kernel as tfjs registers it. */
export function defineKernel(kernelName: string, body: (call: KernelCall) => tf.TensorInfo): tf.KernelConfig {
  return {
    kernelName,
    backendName,
    kernelFunc: ({ inputs, attrs = {}, backend }) => {
      const fail = (problem: string): never => {
        throw new TampError(`the kernel ${kernelName} ${problem}`, { code: 'internal' });
      };
      if (!isProgramRunner(backend)) return fail('was called on a backend that is not WebGPU');
      const input = (name: string): tf.TensorInfo =>
        inputs[name] ?? fail(`was called without its input ${name}`);
      const intermediates: tf.TensorInfo[] = [];
      try {
        return body({
          backend,
          input,
          optional: (name) => (inputs[name] === undefined ? [] : [{ name, tensor: input(name) }]),
          has: (name) => inputs[name] !== undefined,
          number(name) {
            const value = attrs[name];
            return typeof value === 'number' ? value : fail(`needs the number ${name}`);
          },
          text(name) {
            const value = attrs[name];
            return typeof value === 'string' ? value : fail(`needs the text ${name}`);
          },
          flag: (name) => attrs[name] === true,
          intermediate(pass) {
            const result = runPass(backend, pass);
            intermediates.push(result);
            return result;
          },
          run: (pass) => runPass(backend, pass),
        });
      } finally {
        for (const { dataId } of intermediates) backend.disposeData(dataId);
      }
    },
  };
}
