import {
  type AffineScheme,
  type Int8Activation,
  int8Activation,
  int8Linear,
  packWeightTensors,
  type QuantizedOperand,
  TampError,
  wordsPerRow,
} from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import type { LayerVariable, layers as tfjs } from '@tensorflow/tfjs-layers';
import type { Int8LinearDescription } from '../describe.js';
import { int8Scheme } from '../int8-weight.js';
import type { Int8WeightGranularity } from '../settings.js';
import type { TfjsLayers } from './tfjs-layers.js';

type LayerArgs = ConstructorParameters<typeof tfjs.Layer>[0];
type Shape = (number | null)[];

/** Name of an activation function of tf.layers, such as `relu`. */
export type ActivationName = Parameters<typeof tfjs.activation>[0]['activation'];

/** What an int8 dense layer is made from beside the usual; its configuration holds the same. */
export interface Int8DenseConfig {
  /** Output features. */
  readonly units: number;
  readonly useBias: boolean;
  /** The function applied to the layer's output. */
  readonly activation: ActivationName;
  readonly granularity: Int8WeightGranularity;
  /** How the layer quantizes its input. */
  readonly inputQuantization: Int8Activation;
}

/** A dense layer of tf.layers whose weight is int8; float in, float out. */
export interface Int8Dense extends tfjs.Layer {
  /** Features, scales, zero points. Rejects with a `TampError` (`usage`) before the layer is built. */
  describe(): Promise<Int8LinearDescription>;
}

/** The class of {@link Int8Dense}; tf.layers saves and loads models that hold it once it is registered. */
export type Int8DenseClass = tf.serialization.SerializableConstructor<Int8Dense>;

interface Variables {
  readonly columns: number;
  /** int32 [units, words]: int8 levels, four to a word: what is saved, the same on every machine. */
  readonly levels: LayerVariable;
  /** float32 [units, 1]. */
  readonly scales: LayerVariable;
  /** int32 [units, 1]; only for a weight with one range per tensor. */
  readonly zeroPoints: LayerVariable | undefined;
  readonly bias: LayerVariable | undefined;
}

/** The weight in the layout of one backend, made from one value of the variable. */
interface Packed {
  readonly backend: string;
  readonly source: tf.DataId;
  readonly levels: tf.Tensor;
}

function single<T>(value: T | T[]): T {
  return Array.isArray(value) ? value[0] : value;
}

function isShape(shape: Shape | Shape[]): shape is Shape {
  return !Array.isArray(shape[0]);
}

/** tf.layers gives a layer of one input its shape, or a list of one shape. */
function singleShape(shape: Shape | Shape[]): Shape {
  return isShape(shape) ? shape : shape[0];
}

/** Defines the class over a copy of tfjs-layers. */
export function defineInt8Dense({ InputSpec, initializers, layers }: TfjsLayers): Int8DenseClass {
  return class Int8DenseLayer extends layers.Layer implements Int8Dense {
    static readonly className = 'Int8Dense';
    readonly #config: Int8DenseConfig;
    readonly #scheme: AffineScheme;
    readonly #activation: tfjs.Layer;
    #variables: Variables | undefined;
    #packed: Packed | undefined;

    constructor(args: LayerArgs & Int8DenseConfig) {
      super(args);
      const { units, useBias, activation, granularity } = args;
      const inputQuantization = int8Activation({ ...args.inputQuantization }, this.name);
      this.#config = { units, useBias, activation, granularity, inputQuantization };
      this.#scheme = int8Scheme(granularity);
      this.#activation = layers.activation({ activation });
      this.supportsMasking = true;
      this.inputSpec = [new InputSpec({ minNDim: 2 })];
    }

    override build(inputShape: Shape | Shape[]): void {
      const columns = singleShape(inputShape).at(-1);
      if (typeof columns !== 'number') {
        throw new TampError('the number of input features is not known', {
          code: 'usage',
          at: { layer: this.name },
        });
      }
      const { units, useBias } = this.#config;
      const add = (name: string, shape: number[], dtype: 'int32' | 'float32'): LayerVariable =>
        this.addWeight(name, shape, dtype, initializers.zeros(), undefined, false);
      const levels = add('levels', [units, wordsPerRow(columns, 8)], 'int32');
      // The packed copy goes with the variable, not with this layer's disposeWeights: a wrapper such as
      // TimeDistributed disposes of the variables itself.
      const disposeLevels = levels.dispose.bind(levels);
      levels.dispose = () => {
        this.#release();
        disposeLevels();
      };
      this.#variables = {
        columns,
        levels,
        scales: add('scales', [units, 1], 'float32'),
        zeroPoints: this.#scheme.symmetric ? undefined : add('zero_points', [units, 1], 'int32'),
        bias: useBias ? add('bias', [units], 'float32') : undefined,
      };
      this.inputSpec = [new InputSpec({ minNDim: 2, axes: { [-1]: columns } })];
      this.built = true;
    }

    override computeOutputShape(inputShape: Shape | Shape[]): Shape {
      return [...singleShape(inputShape).slice(0, -1), this.#config.units];
    }

    override call(
      inputs: tf.Tensor | tf.Tensor[],
      kwargs: Parameters<tfjs.Layer['call']>[1],
    ): tf.Tensor | tf.Tensor[] {
      return tf.tidy(() => {
        this.invokeCallHook(inputs, kwargs);
        const variables = this.#built();
        const product = int8Linear(
          tf.cast(single(inputs), 'float32'),
          this.#operand(variables),
          variables.bias?.read(),
          this.#config.inputQuantization,
        );
        return this.#activation.call(product, {});
      });
    }

    override getConfig(): tf.serialization.ConfigDict {
      const { inputQuantization, ...config } = this.#config;
      return { ...super.getConfig(), ...config, inputQuantization: { ...inputQuantization } };
    }

    async describe(): Promise<Int8LinearDescription> {
      const { columns, scales, zeroPoints, bias } = this.#built();
      const { units, granularity, inputQuantization } = this.#config;
      const count = granularity === 'tensor' ? 1 : units;
      const scale = Float32Array.from(await scales.read().data()).slice(0, count);
      const zeros = zeroPoints === undefined ? [] : await zeroPoints.read().data();
      return {
        inFeatures: columns,
        outFeatures: units,
        bias: bias !== undefined,
        scale,
        zeroPoint: Int32Array.from(scale, (_, i) => zeros[i] ?? 0),
        activation: inputQuantization,
      };
    }

    #release(): void {
      this.#packed?.levels.dispose();
      this.#packed = undefined;
    }

    #built(): Variables {
      if (this.#variables !== undefined) return this.#variables;
      throw new TampError('the layer is not built', {
        code: 'usage',
        at: { layer: this.name },
        remedy: 'Call the model once, or give its first layer an inputShape.',
      });
    }

    /** Packs the weight at its first use on a backend, and again when the variable got another value. */
    #operand({ columns, levels, scales, zeroPoints }: Variables): QuantizedOperand {
      const words = levels.read();
      const plain = {
        scheme: this.#scheme,
        rows: this.#config.units,
        columns,
        words,
        scales: scales.read(),
        zeroPoints: zeroPoints?.read() ?? null,
      };
      const backend = tf.getBackend();
      if (this.#packed?.backend === backend && this.#packed.source === words.dataId) {
        return { ...plain, layout: 'int8', levels: this.#packed.levels };
      }
      this.#release();
      const operand = packWeightTensors(plain, 'int8');
      this.#packed = { backend, source: words.dataId, levels: tf.keep(operand.levels) };
      return operand;
    }
  };
}
