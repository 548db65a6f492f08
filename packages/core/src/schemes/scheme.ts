import { TampError } from '../errors/tamp-error.js';

/** What shares one scale (and zero point): the whole weight, a row, or `groupSize` consecutive elements of a row. */
export type Granularity =
  | { readonly kind: 'tensor' }
  | { readonly kind: 'channel' }
  | { readonly kind: 'group'; readonly groupSize: number };

/**
 * How a weight matrix is quantized to integers: value = (level - zero point) · scale. Levels are signed,
 * [-2^(bits-1), 2^(bits-1) - 1]; rows are output channels; a group is consecutive elements of one row.
 */
export interface AffineScheme {
  /** 2 to 8. */
  readonly bits: number;
  /** Symmetric schemes have no zero points. */
  readonly symmetric: boolean;
  readonly granularity: Granularity;
}

/** Smallest and largest level. */
export interface LevelRange {
  readonly min: number;
  readonly max: number;
}

/** The signed levels of `bits` bits: 4 gives { min: -8, max: 7 }. */
export function levelRange(bits: number): LevelRange {
  const half = 2 ** (bits - 1);
  return { min: -half, max: half - 1 };
}

/** How many scales a row of `columns` elements has: 1, or one per group. The scheme must fit: {@link checkScheme}. */
export function groupsPerRow(scheme: AffineScheme, columns: number): number {
  const { granularity } = scheme;
  return granularity.kind === 'group' ? columns / granularity.groupSize : 1;
}

/** How many scales a rows × columns weight has in all. */
export function scaleCount(scheme: AffineScheme, rows: number, columns: number): number {
  return scheme.granularity.kind === 'tensor' ? 1 : rows * groupsPerRow(scheme, columns);
}

/** The scheme in a few characters, for tables and messages: `W4 g64 sym`, `W8 channel asym`. */
export function describeScheme(scheme: AffineScheme): string {
  const { granularity } = scheme;
  const unit = granularity.kind === 'group' ? `g${granularity.groupSize}` : granularity.kind;
  return `W${scheme.bits} ${unit} ${scheme.symmetric ? 'sym' : 'asym'}`;
}

/**
 * Throws a `TampError` (`usage`) unless the scheme is valid and fits rows of `columns` elements: 2 to 8 bits, and a
 * group size that divides the width. `layer` names the place in the message.
 */
export function checkScheme(scheme: AffineScheme, columns: number, layer?: string): void {
  const at = layer === undefined ? {} : { layer };
  if (!Number.isInteger(scheme.bits) || scheme.bits < 2 || scheme.bits > 8) {
    throw new TampError(`${scheme.bits} bits are not possible`, {
      code: 'usage',
      at,
      remedy: 'Choose a whole number of bits from 2 to 8.',
    });
  }
  const { granularity } = scheme;
  if (granularity.kind !== 'group') return;
  const { groupSize } = granularity;
  if (!Number.isInteger(groupSize) || groupSize < 1) {
    throw new TampError(`the group size ${groupSize} is not a whole number of at least 1`, {
      code: 'usage',
      at,
      remedy: `Choose a group size that divides the layer's width of ${columns}.`,
    });
  }
  if (columns % groupSize !== 0) {
    const nearest = nearestDivisors(columns, groupSize);
    throw new TampError(`the group size ${groupSize} does not divide the layer's width of ${columns}`, {
      code: 'usage',
      at,
      remedy: `Choose ${nearest.join(' or ')}, quantize per channel, or ignore this layer.`,
    });
  }
}

/** The largest divisor below and the smallest above `target`; `target` itself does not divide `width`. */
function nearestDivisors(width: number, target: number): number[] {
  let below = Math.min(Math.floor(target), width);
  while (below > 1 && width % below !== 0) below--;
  let above = Math.floor(target) + 1;
  while (above <= width && width % above !== 0) above++;
  const found = below >= 1 ? [below] : [];
  return above <= width ? [...found, above] : found;
}
