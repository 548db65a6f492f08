import type { OperatorNode } from '@tamp/core';

/** A layer that reads an equalized value: its weight's columns are divided by the scale. */
export interface Reader {
  readonly layer: string;
  readonly node: OperatorNode;
  /** Name of the weight parameter. */
  readonly weight: string;
}

/** A layer whose output channels take up the scale: its weight's rows and its bias are multiplied by it. */
export interface LayerSite {
  readonly layer: string;
  readonly node: OperatorNode;
  readonly weight: string;
  readonly bias: string | undefined;
}

/** Where the scale of a value goes. */
export type Site =
  /** The weight, and bias, of the norm that makes the value. */
  | {
      readonly kind: 'norm';
      readonly layer: string;
      readonly node: OperatorNode;
      readonly parameters: readonly string[];
    }
  /** The rows of the layer before; between the two only what a positive factor per channel passes through. */
  | ({ readonly kind: 'layer' } & LayerSite)
  /** The rows of the up-projection of a gated unit. */
  | ({ readonly kind: 'up' } & LayerSite)
  /** The rows of the value projection of an attention. */
  | ({ readonly kind: 'value' } & LayerSite)
  /** A `mul` between the value and the layer that reads it. */
  | { readonly kind: 'mul' };

/** A value, the layers that read it, and where its scale goes. */
export interface Group {
  /** Name of the node whose value is equalized. */
  readonly value: string;
  readonly readers: readonly Reader[];
  readonly site: Site;
  /** Axis of the value's channels: −1 for matrices, 1 for images. */
  readonly axis: number;
  /** Number of channels of the value on that axis: columns of the readers. */
  readonly columns: number;
  /** Number of scales. */
  readonly channels: number;
  /** Which scale each column has. */
  readonly channelOf: Int32Array;
}

/** Whether SmoothQuant's rule applies, as opposed to the rules for chains. */
export function isSmooth({ site }: Group): boolean {
  return site.kind === 'norm' || site.kind === 'up' || site.kind === 'value';
}

/** The layers of a group in a few characters, for messages and reports. */
export function groupName({ readers }: Group): string {
  return readers.map(({ layer }) => layer).join(', ');
}
