import type * as tf from '@tensorflow/tfjs-core';
import { TampError } from '../errors/tamp-error.js';
import type { Attributes, ValueType } from '../graph/graph.js';
import type { QuantizedOperand, WeightLayout } from '../kernels/quantized-operand.js';

/** What an operator computes with: a tensor or, where it says so, a weight that stays packed. */
export type Operand = tf.Tensor | QuantizedOperand;

/** One entry of the operator registry. */
export interface Operator {
  readonly name: string;
  /** Fewest and most inputs. */
  readonly arity: readonly [number, number];
  /**
   * Inputs that may stay quantized, and in which layout the kernel wants them. Any other input that comes from a
   * quantized parameter is dequantized for the duration of the call.
   */
  readonly quantizedInputs?: Readonly<Record<number, WeightLayout>>;
  /**
   * Whether each position of [batch, sequence, …] values comes from the same position of the inputs alone, so that a
   * decoder may compute new positions by themselves. Default: it does not.
   */
  readonly positionwise?: true;
  /** Whether one sample of a batch influences the values of another, such as by a scale that they share. Default: no. */
  mixesSamples?(attributes: Attributes): boolean;
  /** Checks the inputs' types and the attributes and gives the result's type. `layer` is for errors. */
  infer(inputs: readonly ValueType[], attributes: Attributes, layer: string): ValueType;
  /** Computes with tfjs, synchronously; temporary tensors are the caller's to tidy. */
  run(inputs: readonly Operand[], attributes: Attributes): tf.Tensor;
}

/** Throws the error for inputs or attributes an operator cannot work with. */
export function rejectInputs(operator: string, layer: string, problem: string): never {
  throw new TampError(`${operator}: ${problem}`, { code: 'format', at: { layer } });
}

/** Whether an operand is a tensor. */
export function isTensor(operand: Operand): operand is tf.Tensor {
  return !('layout' in operand);
}

/** The operand as a tensor; an operator calls it for inputs it does not list as quantized. */
export function asTensor(operand: Operand): tf.Tensor {
  if (!isTensor(operand)) {
    throw new TampError('a packed weight reached an operator that needs a dense one', { code: 'internal' });
  }
  return operand;
}
