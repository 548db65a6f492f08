import type { AffineRule } from '../affine/affine-params.js';

/** Options that all observers share. */
export interface ObserverOptions {
  /** How ranges become scales and zero points. */
  readonly rule: AffineRule;
  /** Names what is observed in errors. */
  readonly layer?: string;
}

/** Options of observers that keep a range per tensor or per channel. */
export interface RangeObserverOptions extends ObserverOptions {
  /** The axis of the channels, one range for each; negative counts from the end. Default: one range in all. */
  readonly axis?: number;
}

/** Ranges as plain data; empty before anything was observed. */
export interface RangeState {
  readonly min: readonly number[];
  readonly max: readonly number[];
}

/** {@link minMaxObserver} as plain data. */
export interface MinMaxState extends RangeState {
  readonly observer: 'min-max';
  readonly options: RangeObserverOptions;
}

/** Options of {@link movingAverageObserver}. */
export interface MovingAverageOptions extends RangeObserverOptions {
  /** How far each batch moves the range towards its own, in (0, 1]. Default 0.01. */
  readonly averagingConstant?: number;
}

/** {@link movingAverageObserver} as plain data. */
export interface MovingAverageState extends RangeState {
  readonly observer: 'moving-average';
  readonly options: MovingAverageOptions;
}

/** {@link perTokenObserver} as plain data: dynamic ranges leave nothing to keep. */
export interface PerTokenState {
  readonly observer: 'per-token';
  readonly options: ObserverOptions;
}

/** Options of the observers that keep a histogram: one range per tensor. */
export interface HistogramObserverOptions extends ObserverOptions {
  /** Bins of the histogram, 2 to 65536. Default 2048. */
  readonly bins?: number;
}

/** A histogram as plain data. */
export interface HistogramState {
  readonly min: number;
  readonly max: number;
  readonly counts: readonly number[];
}

/** {@link histogramObserver} or {@link meanSquaredErrorObserver} as plain data; no histogram before the first batch. */
export interface HistogramObserverState {
  readonly observer: 'histogram' | 'mean-squared-error';
  readonly options: HistogramObserverOptions;
  readonly histogram?: HistogramState;
}

/** Any observer as plain data: what its `toJSON` returns. */
export type ObserverState = MinMaxState | MovingAverageState | PerTokenState | HistogramObserverState;
