/** What an epoch came to. */
export interface EpochReport {
  /** 1-based. */
  readonly epoch: number;
  /** Mean of the task's loss over the epoch's batches, without penalties. */
  readonly loss: number;
  /** Mean of the penalties. */
  readonly penalty: number;
  /** On the validation data, with parameters as the finished model will have them. */
  readonly validation?: Quality;
  /** Figures of the modifiers, such as bytes and meanBits. */
  readonly figures: Readonly<Record<string, number>>;
}

/** How well a model does on labelled data. */
export interface Quality {
  readonly loss: number;
  /** Share of samples classified rightly; only for classification. */
  readonly accuracy?: number;
}
