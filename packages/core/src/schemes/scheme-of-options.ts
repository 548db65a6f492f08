import type { AffineScheme, Granularity } from './scheme.js';

/** How a modifier's options name a scheme for weights; what is left out has the field's usual value. */
export interface SchemeOptions {
  /** 2 to 8. */
  readonly bits: number;
  readonly symmetric: boolean;
  /** Default: `group` below 8 bits or where a group size is given, else `channel`. */
  readonly granularity?: Granularity['kind'] | undefined;
  /** Default 128, that of most published 4-bit models. */
  readonly groupSize?: number | undefined;
}

const usualGroupSize = 128;

/** The scheme that options mean. Whether it fits a layer, `checkScheme` says. */
export function schemeOfOptions({ bits, symmetric, granularity, groupSize }: SchemeOptions): AffineScheme {
  const kind = granularity ?? (groupSize !== undefined || bits < 8 ? 'group' : 'channel');
  return {
    bits,
    symmetric,
    granularity: kind === 'group' ? { kind, groupSize: groupSize ?? usualGroupSize } : { kind },
  };
}
