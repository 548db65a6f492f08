import { checkFinite, TampError } from '@tamp/core';
import { type ChannelRange, emptyRange, scaledRange, type ValueRange } from '../scales/channel-range.js';

/** Finds the range of each column of the values that pass by: running minimum and maximum over all batches. */
export interface EqualizationObserver {
  /**
   * Takes one batch, row-major; `axis` is that of the columns. Throws a `TampError`: `data` for NaN and infinities,
   * `usage` for another number of columns than before.
   */
  observe(values: Float32Array, shape: readonly number[], axis: number): void;
  /** The ranges so far; without channels before anything was observed. */
  range(): ChannelRange;
}

/** An observer of a layer's input, which also knows the range of the equalized input. */
export interface InputEqualizationObserver extends EqualizationObserver {
  /** Sets the scale of each column. Throws a `TampError` (`usage`) when there are not as many as columns. */
  setScale(scale: Float32Array): void;
  /** min(min · scale) and max(max · scale) over all columns; [0, 0], with a warning, before the scale is set. */
  scaledRange(): ValueRange;
}

/** How a layer's input is going to be quantized. */
export type InputScheme =
  | 'per-tensor-affine'
  | 'per-tensor-symmetric'
  | 'per-channel-affine'
  | 'per-channel-symmetric';

/** Options of {@link inputEqualizationObserver}. */
export interface InputObserverOptions {
  /** Names the layer in errors and warnings. */
  readonly layer: string;
  /** Has to be per tensor: a scale per channel would undo equalization. Default `per-tensor-affine`. */
  readonly scheme?: InputScheme;
  /** Receives warnings. Default: the console. */
  readonly onWarning?: (message: string) => void;
}

/** Running minimum and maximum of each column, for weights. */
export function weightEqualizationObserver(options: { readonly layer: string }): EqualizationObserver {
  const { layer } = options;
  let known = emptyRange(0);
  return {
    observe(values, shape, axis) {
      const columns = shape.at(axis);
      const at = axis < 0 ? axis + shape.length : axis;
      const inner = shape.slice(at + 1).reduce((product, size) => product * size, 1);
      if (columns === undefined || shape.reduce((product, size) => product * size, 1) !== values.length) {
        throw new TampError(`${values.length} values do not have the shape [${shape.join(', ')}]`, {
          code: 'usage',
          at: { layer },
        });
      }
      checkFinite(values, { layer, columns: shape[shape.length - 1] });
      if (known.min.length === 0) known = emptyRange(columns);
      if (known.min.length !== columns) {
        throw new TampError(`a batch has ${columns} columns, those before had ${known.min.length}`, {
          code: 'usage',
          at: { layer },
        });
      }
      const { min, max } = known;
      for (let start = 0, column = 0; start < values.length; start += inner) {
        let low = min[column];
        let high = max[column];
        for (let i = start; i < start + inner; i++) {
          if (values[i] < low) low = values[i];
          if (values[i] > high) high = values[i];
        }
        min[column] = low;
        max[column] = high;
        column = column + 1 === columns ? 0 : column + 1;
      }
    },
    range: () => known,
  };
}

/**
 * Running minimum and maximum of each column of a layer's input (PyTorch's `_InputEqualizationObserver`). Throws a
 * `TampError` (`usage`) for a scheme that is not per tensor.
 */
export function inputEqualizationObserver({
  layer,
  scheme = 'per-tensor-affine',
  onWarning = (message) => console.warn(message),
}: InputObserverOptions): InputEqualizationObserver {
  if (!scheme.startsWith('per-tensor')) {
    throw new TampError(`its input cannot be quantized ${scheme} and equalized`, {
      code: 'usage',
      at: { layer },
      remedy: 'Use a per-tensor scheme for inputs: equalization balances the channels under one scale.',
    });
  }
  const columns = weightEqualizationObserver({ layer });
  let scale: Float32Array | undefined;
  return {
    ...columns,
    setScale(values) {
      const { length } = columns.range().min;
      if (values.length !== length) {
        throw new TampError(`there are ${values.length} scales for ${length} input columns`, {
          code: 'usage',
          at: { layer },
        });
      }
      scale = values;
    },
    scaledRange() {
      if (scale !== undefined) return scaledRange(columns.range(), scale);
      onWarning(
        `${layer}: the scaled range was asked for before the equalization scale was set; it is [0, 0].`,
      );
      return { min: 0, max: 0 };
    },
  };
}
