/** A part of a command's or a page's work that takes a while. */
export interface Stage {
  readonly key: string;
  /** What is going on: `Evaluating the model before`. */
  readonly title: string;
  /** What is counted, in the singular: `window`, `layer`; bytes are `byte`. */
  readonly unit: string;
}
