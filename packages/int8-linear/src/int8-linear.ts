import {
  disposeOperand,
  type Int8Activation,
  int8Activation,
  int8Linear,
  packDense,
  packWeights,
  type QuantizedOperand,
  TampError,
} from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import type { Int8LinearDescription } from './describe.js';
import { checkInt8Weight, type Int8Weight, quantizeInt8Weight } from './int8-weight.js';
import type { Int8WeightGranularity } from './settings.js';

/** What {@link createInt8Linear} makes a layer from. */
export interface Int8LinearSource {
  /** float32 [outFeatures, inFeatures], as PyTorch stores it; or a weight that is quantized already. */
  readonly weight: tf.Tensor2D | Int8Weight;
  /** float32 [outFeatures]. Stays float. */
  readonly bias?: tf.Tensor1D;
  /** How a float weight is quantized. Default `channel`. */
  readonly granularity?: Int8WeightGranularity;
  /** How the input is quantized. Default `{ kind: 'tensor', reduceRange: false }`, FBGEMM's legacy operator. */
  readonly activation?: Int8Activation;
}

/** One int8 linear layer: float in, float out. */
export interface Int8Linear {
  /** The plain weight, to be saved: it does not depend on the machine. */
  readonly weight: Int8Weight;
  describe(): Int8LinearDescription;
  /**
   * x float32 [..., inFeatures] → float32 [..., outFeatures]. Throws a `TampError` (`usage`) for another width or
   * dtype, and (`unsupported`), naming the backend, where tfjs has no kernels for int8 layers.
   */
  apply(x: tf.Tensor): tf.Tensor;
  dispose(): void;
}

async function weightOf({ weight, granularity }: Int8LinearSource): Promise<Int8Weight> {
  if (!(weight instanceof tf.Tensor)) {
    checkInt8Weight(weight);
    return weight;
  }
  const [rows, columns] = weight.shape;
  if (weight.dtype !== 'float32' || weight.rank !== 2) {
    throw new TampError(`the weight is ${weight.dtype} [${weight.shape.join(', ')}], not a float32 matrix`, {
      code: 'usage',
      remedy: 'Give a tensor of shape [outFeatures, inFeatures].',
    });
  }
  const values = Float32Array.from(await weight.data());
  return quantizeInt8Weight(values, rows, columns, granularity === undefined ? {} : { granularity });
}

/** Packs a plain weight for the current backend. The kernels take one scale per row, so a single one is repeated. */
function pack({ scheme, rows, columns, levels, scales, zeroPoints }: Int8Weight): QuantizedOperand {
  const words = packDense(levels, 8, rows, columns);
  const single = scales.length === 1;
  return packWeights(
    {
      scheme,
      rows,
      columns,
      words: new Int32Array(words.buffer),
      scales: single ? new Float32Array(rows).fill(scales[0]) : scales,
      zeroPoints:
        zeroPoints === undefined
          ? null
          : single
            ? new Int32Array(rows).fill(zeroPoints[0])
            : Int32Array.from(zeroPoints),
    },
    'int8',
  );
}

function checkBias(bias: tf.Tensor1D | undefined, rows: number): void {
  if (bias === undefined || (bias.dtype === 'float32' && bias.shape.length === 1 && bias.size === rows))
    return;
  throw new TampError(`the bias is ${bias.dtype} [${bias.shape.join(', ')}], not float32 [${rows}]`, {
    code: 'usage',
  });
}

function checkInput(x: tf.Tensor, columns: number): void {
  if (x.dtype === 'float32' && x.shape.length > 0 && x.shape.at(-1) === columns) return;
  throw new TampError(
    `the input is ${x.dtype} [${x.shape.join(', ')}], not float32 with ${columns} features in its last dimension`,
    { code: 'usage' },
  );
}

/**
 * An int8 linear layer from a matrix, for those who have no model. Neither tensor is disposed of; both may be
 * afterwards. Rejects with a `TampError`: `data` for NaN and infinities in the weight, `usage` for a weight that is no
 * float32 matrix or, saved, not whole, and for a bias of another length, `format` for an activation that is not possible.
 */
export async function createInt8Linear(source: Int8LinearSource): Promise<Int8Linear> {
  const activation = int8Activation(
    { ...(source.activation ?? { kind: 'tensor', reduceRange: false }) },
    'createInt8Linear',
  );
  checkBias(source.bias, source.weight instanceof tf.Tensor ? source.weight.shape[0] : source.weight.rows);
  const weight = await weightOf(source);
  const { rows, columns, scales, zeroPoints } = weight;
  const bias = source.bias?.clone();
  let packed: { readonly backend: string; readonly operand: QuantizedOperand } | undefined;
  let disposed = false;

  const release = (): void => {
    if (packed !== undefined) disposeOperand(packed.operand);
    packed = undefined;
  };
  /** Packed weights are in one backend's layout: another backend needs its own. */
  const operand = (): QuantizedOperand => {
    const backend = tf.getBackend();
    if (packed?.backend === backend) return packed.operand;
    release();
    const made = pack(weight);
    for (const tensor of [made.levels, made.scales, made.zeroPoints]) if (tensor !== null) tf.keep(tensor);
    packed = { backend, operand: made };
    return made;
  };
  if (bias !== undefined) tf.keep(bias);

  return {
    weight,
    describe: () => ({
      inFeatures: columns,
      outFeatures: rows,
      bias: bias !== undefined,
      scale: scales,
      zeroPoint: zeroPoints === undefined ? new Int32Array(scales.length) : Int32Array.from(zeroPoints),
      activation,
    }),
    apply(x) {
      if (disposed) throw new TampError('the layer was disposed of', { code: 'usage' });
      checkInput(x, columns);
      return tf.tidy(() => int8Linear(x, operand(), bias, activation));
    },
    dispose() {
      if (disposed) return;
      disposed = true;
      release();
      bias?.dispose();
    },
  };
}
