import { TampError } from '../errors/tamp-error.js';
import { roundHalfEven } from '../numeric/round-half-even.js';
import { type AffineScheme, levelRange } from '../schemes/scheme.js';
import type { GroupChoice, WeightGroup } from './weight-group.js';

/**
 * Search of a group's scale (and zero point) for the smallest squared error Σ importance · |w|^emphasis · (w - ŵ)².
 *
 * For fixed levels the best scale has a closed form (least squares), and for a fixed scale the best levels are the
 * nearest. Sweeping the scale from large to small, an element's level changes only where |w| / scale passes a half,
 * so the sums of the closed form are kept up to date with a few additions per change, and every grid point is
 * scored with the best scale for its levels instead of its own. The winner is then refined by alternating levels
 * and scale until the levels stay (alternating least squares).
 */
export interface RangeSearch {
  /** Scales tried per zero point. Default 256. */
  readonly gridPoints?: number;
  /**
   * The smallest scale tried is (1 - maxShrink) of the min-max scale; 0 ≤ maxShrink < 1.
   * Default 0.8 up to 4 bits, 0.5 above: the fewer the levels, the more clipping pays.
   */
  readonly maxShrink?: number;
  /**
   * Importance of each column (input feature), for example the mean of its squared activations; not negative.
   * Default: all equal.
   */
  readonly importance?: Float32Array;
  /**
   * How much more large weights count: each error is also weighted by |w|^emphasis, 0 to 4. Default 0, the plain
   * squared error. At 1 a language model of 4-bit weights loses less quality than at 0, where the many small weights
   * clip the few large ones that matter more.
   */
  readonly emphasis?: number;
  /**
   * Symmetric schemes only: also try negative scales, which turn the levels -8…7 into -7…8, so that the one level
   * more lies on the side that needs it. Default true; set false for readers that insist on positive scales.
   */
  readonly signedScales?: boolean;
}

/** Finds a better choice for one group, given the min-max choice and how scales are rounded for storage. */
export type GroupSearcher = (
  group: WeightGroup,
  nearest: GroupChoice,
  roundScale: (scale: number) => number,
) => GroupChoice;

/** Refinement stops here even if levels still move; in practice 2 or 3 rounds settle. */
const maxRefinements = 12;
/** The sweep starts above the min-max scale: a coarser scale can fit a group of few distinct values better. */
const largestGrowth = 1.25;
/** Zero points tried on either side of the min-max one. */
const zeroPointReach = 2;

/** How many steps below and above zero a candidate has. */
type Steps = readonly [below: number, above: number];

/** A searcher with its work arrays, for groups of `length` elements of a weight of `columns` columns. */
export function rangeSearcher(
  weight: Float32Array,
  columns: number,
  length: number,
  scheme: AffineScheme,
  search: RangeSearch,
  layer?: string,
): GroupSearcher {
  const { gridPoints, maxShrink, emphasis, signedScales } = searchSettings(search, scheme, columns, layer);
  const levels = levelRange(scheme.bits);
  const importance = search.importance ?? new Float32Array(columns).fill(1);
  const products = new Float64Array(gridPoints + 1);
  const squares = new Float64Array(gridPoints + 1);
  // Copied out per group: the inner loops then read two small dense arrays.
  const values = new Float64Array(length);
  const factors = new Float64Array(length);

  /** Σ importance · |w|^emphasis · (w - ŵ)², with ŵ and levels exactly as they will be stored. */
  function errorOf({ scale, zeroPoint }: GroupChoice): number {
    let sum = 0;
    for (let i = 0; i < length; i++) {
      const exact = Math.fround(Math.fround(values[i] / scale) + zeroPoint);
      const level = roundHalfEven(Math.min(Math.max(exact, levels.min), levels.max));
      const difference = values[i] - Math.fround((level - zeroPoint) * scale);
      sum += factors[i] * difference * difference;
    }
    return sum;
  }

  /** The best scale for the nearest levels at `scale`; steps run from -below to above. 0 when all levels are 0. */
  function refit(scale: number, below: number, above: number): number {
    let product = 0;
    let square = 0;
    for (let i = 0; i < length; i++) {
      const step = roundHalfEven(Math.min(Math.max(values[i] / scale, -below), above));
      product += factors[i] * values[i] * step;
      square += factors[i] * step * step;
    }
    return square > 0 ? product / square : 0;
  }

  /** Counts, for each grid point, what changes where elements pass steps from…to; each from and to is [below, above]. */
  function sweep(first: number, perUnit: number, from: readonly number[], to: readonly number[]): void {
    for (let i = 0; i < length; i++) {
      const value = values[i];
      const magnitude = Math.abs(value);
      const factor = factors[i];
      if (magnitude === 0 || factor === 0) continue;
      const side = value < 0 ? 0 : 1;
      for (let step = from[side]; step <= to[side]; step++) {
        const bin = Math.ceil(((step - 0.5) / magnitude - first) * perUnit);
        if (bin > gridPoints) break;
        const at = Math.max(bin, 0);
        products[at] += factor * magnitude;
        squares[at] += factor * (2 * step - 1);
      }
    }
  }

  /**
   * The best positive scale for steps -below…above, from the sweep and its refinement; 0 when there is none. Steps that
   * it shares with another candidate are counted first, so that kernels which count these once get the same sums.
   */
  function bestScale(largest: number, smallest: number, steps: Steps, other: Steps): number {
    const [below, above] = steps;
    const shared = [Math.min(below, other[0]), Math.min(above, other[1])];
    // The sweep runs over inverse scales, in which an element's level changes at equal distances.
    const first = 1 / largest;
    const perUnit = gridPoints / (1 / smallest - first);
    products.fill(0);
    squares.fill(0);
    sweep(first, perUnit, [1, 1], shared);
    sweep(first, perUnit, [shared[0] + 1, shared[1] + 1], steps);
    let product = 0;
    let square = 0;
    let gain = 0;
    let best = 0;
    for (let bin = 0; bin <= gridPoints; bin++) {
      product += products[bin];
      square += squares[bin];
      // The error left is Σ importance · w² - product² / square.
      if (product * product > gain * square) {
        gain = (product * product) / square;
        best = product / square;
      }
    }
    for (let round = 0; round < maxRefinements && best > 0; round++) {
      const next = refit(best, below, above);
      if (next === best) break;
      best = next;
    }
    return best;
  }

  return (group, nearest, roundScale) => {
    let low = 0;
    let high = 0;
    for (let i = 0; i < length; i++) {
      const index = group.start + i;
      const value = weight[index];
      values[i] = value;
      factors[i] = importance[index % columns];
      if (emphasis !== 0) factors[i] *= Math.abs(value) ** emphasis;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    if (low === 0 && high === 0) return nearest;
    let choice = nearest;
    let error = errorOf(nearest);
    const consider = (scale: number, zeroPoint: number): void => {
      if (!Number.isFinite(scale) || scale === 0) return;
      const candidate = { scale: roundScale(scale), zeroPoint };
      const candidateError = errorOf(candidate);
      if (candidateError < error) {
        choice = candidate;
        error = candidateError;
      }
    };
    const largest = Math.abs(nearest.scale) * largestGrowth;
    const smallest = Math.abs(nearest.scale) * (1 - maxShrink);
    if (scheme.symmetric) {
      const [plain, mirrored]: Steps[] = [
        [-levels.min, levels.max],
        [levels.max, -levels.min],
      ];
      consider(bestScale(largest, smallest, plain, mirrored), 0);
      if (signedScales) consider(-bestScale(largest, smallest, mirrored, plain), 0);
      return choice;
    }
    const from = Math.max(levels.min, nearest.zeroPoint - zeroPointReach);
    const to = Math.min(levels.max, nearest.zeroPoint + zeroPointReach);
    const stepsAt = (zeroPoint: number): Steps => [zeroPoint - levels.min, levels.max - zeroPoint];
    for (let zeroPoint = from; zeroPoint <= to; zeroPoint++) {
      // They go in pairs, the last perhaps alone.
      const partner = (zeroPoint - from) % 2 === 0 ? Math.min(zeroPoint + 1, to) : zeroPoint - 1;
      consider(bestScale(largest, smallest, stepsAt(zeroPoint), stepsAt(partner)), zeroPoint);
    }
    return choice;
  };
}

/** The settings of a search with their defaults, checked. */
export function searchSettings(
  search: RangeSearch,
  scheme: AffineScheme,
  columns: number,
  layer: string | undefined,
): Required<Omit<RangeSearch, 'importance'>> {
  const {
    gridPoints = 256,
    maxShrink = scheme.bits <= 4 ? 0.8 : 0.5,
    emphasis = 0,
    signedScales = true,
  } = search;
  checkSearch({ gridPoints, maxShrink, emphasis, importance: search.importance }, columns, layer);
  return { gridPoints, maxShrink, emphasis, signedScales };
}

function checkSearch(
  {
    gridPoints,
    maxShrink,
    emphasis,
    importance,
  }: Required<Pick<RangeSearch, 'gridPoints' | 'maxShrink' | 'emphasis'>> & Pick<RangeSearch, 'importance'>,
  columns: number,
  layer: string | undefined,
): void {
  const fail = (problem: string, remedy: string): never => {
    throw new TampError(problem, { code: 'usage', at: layer === undefined ? {} : { layer }, remedy });
  };
  if (!Number.isInteger(gridPoints) || gridPoints < 1 || gridPoints > 65536) {
    fail(`${gridPoints} grid points are not possible`, 'Choose a whole number from 1 to 65536.');
  }
  if (!(maxShrink >= 0 && maxShrink < 1)) {
    fail(
      `a largest shrink of ${maxShrink} is not possible`,
      'Choose a number from 0 up to, not including, 1.',
    );
  }
  if (!(emphasis >= 0 && emphasis <= 4)) {
    fail(`an emphasis of ${emphasis} is not possible`, 'Choose a number from 0 to 4.');
  }
  if (importance === undefined) return;
  if (importance.length !== columns) {
    fail(
      `there are ${importance.length} column importances for ${columns} columns`,
      'Give one per input feature.',
    );
  }
  if (!importance.every((value) => value >= 0 && Number.isFinite(value))) {
    fail('a column importance is negative or not finite', 'Importances are mean squares: at least 0.');
  }
}
