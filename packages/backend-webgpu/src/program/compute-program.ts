import type { WebGPUProgram } from '@tensorflow/tfjs-backend-webgpu';
import type * as tf from '@tensorflow/tfjs-core';

/** An input of a program, and how its buffer is declared. */
export interface ProgramInput {
  /** Name of the storage buffer in the WGSL code; lower case. */
  readonly name: string;
  readonly tensor: tf.TensorInfo;
  /** 4 declares the buffer as vectors of four. Default 1. */
  readonly components?: 1 | 4;
}

/** A number that the WGSL code reads as `uniforms.<name>`. */
export interface ProgramUniform {
  readonly name: string;
  readonly type: 'int32' | 'float32';
  readonly value: number;
}

/** One compute pass. */
export interface ComputePass {
  /**
   * Names the generated code: tfjs caches pipelines by it and by ranks, data types and input names, so everything else
   * that changes the code must be in it.
   */
  readonly key: string;
  readonly inputs: readonly ProgramInput[];
  readonly uniforms: readonly ProgramUniform[];
  readonly output: { readonly shape: readonly number[]; readonly dtype: 'float32' | 'int32' };
  /** A tensor that the pass writes into, in place of a new one; of the output's shape, and none of the inputs. */
  readonly into?: tf.TensorInfo;
  readonly workgroupSize: number;
  readonly workgroups: number;
  /**
   * Declarations and `fn main(index : i32)`. It must use every input, `result` and a uniform: the layout of the
   * bindings is derived from their use.
   */
  readonly code: string;
}

/** The part of tfjs's WebGPU backend that kernels use. */
export interface ProgramRunner {
  runWebGPUProgram(
    program: WebGPUProgram,
    inputs: tf.TensorInfo[],
    dtype: tf.DataType,
    uniforms?: { type: string; data: number[] }[],
    output?: tf.TensorInfo,
  ): tf.TensorInfo;
  makeTensorInfo(shape: number[], dtype: tf.DataType): tf.TensorInfo;
  disposeData(dataId: tf.TensorInfo['dataId']): boolean;
  incRef(dataId: tf.TensorInfo['dataId']): void;
  /** What the backend knows of a tensor's data; `values` is a copy that was read. */
  readonly tensorMap: { get(dataId: tf.TensorInfo['dataId']): { readonly values?: unknown } };
}

/**
 * WGSL: the number of this workgroup. tfjs spreads more than 65,535 workgroups over three dimensions, and then runs
 * more than were asked for: code checks its bounds. The number counts as non-uniform, so no barrier may depend on it.
 */
export const workgroupNumber = `
fn workgroupNumber() -> i32 {
  return i32((workgroupId.z * numWorkgroups.y + workgroupId.y) * numWorkgroups.x + workgroupId.x);
}
`;

/** Records a pass on the backend's queue and returns its result. */
export function runPass(backend: ProgramRunner, pass: ComputePass): tf.TensorInfo {
  const shape = [...pass.output.shape];
  // tfjs writes into the program, so each run has its own.
  const program: WebGPUProgram = {
    variableNames: pass.inputs.map(({ name }) => name),
    variableComponents: pass.inputs.map(({ components }) => components ?? 1),
    uniforms: pass.uniforms
      .map(({ name, type }) => `${name} : ${type === 'int32' ? 'i32' : 'f32'},`)
      .join(' '),
    outputShape: shape,
    shaderKey: `tamp ${pass.key} ${pass.inputs.map(({ components }) => components ?? 1).join('')}`,
    workgroupSize: [pass.workgroupSize, 1, 1],
    dispatchLayout: { x: shape.map((_, i) => i) },
    dispatch: [Math.max(1, pass.workgroups), 1, 1],
    getUserCode: () => pass.code,
  };
  return backend.runWebGPUProgram(
    program,
    pass.inputs.map(({ tensor }) => tensor),
    pass.output.dtype,
    pass.uniforms.map(({ type, value }) => ({ type, data: [value] })),
    pass.into,
  );
}
