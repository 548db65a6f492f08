/** Names of the kernels that work on packed weights. Every backend that runs quantized models registers them. */
export type PackedKernelName =
  | 'TampPackWeights'
  | 'TampGroupwiseLinear'
  | 'TampInt8Linear'
  | 'TampGatherRows'
  | 'TampDequantizeWeight';

/**
 * Kernels that loading and calibration use where a backend has them: see `widen-bfloat16.ts`, `gram.ts`,
 * `upper-factor.ts`, `round-columns.ts` and `search-ranges.ts` for the contracts. Elsewhere the reference in TypeScript
 * runs.
 */
export type CalibrationKernelName =
  | 'TampWidenBfloat16'
  | 'TampGram'
  | 'TampUpperFactor'
  | 'TampRoundColumns'
  | 'TampSearchRanges';

/** Attributes of a kernel: numbers, text and flags. */
export type KernelAttributes = Readonly<Record<string, number | string | boolean>>;

/** Elements that share one scale when a group-wise layer quantizes its activations in blocks. */
export const activationBlockSize = 32;
