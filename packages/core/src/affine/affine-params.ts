import { TampError } from '../errors/tamp-error.js';
import { roundHalfEven } from '../numeric/round-half-even.js';

/** An affine quantization: value = (level - zeroPoint) · scale. `scale` is exactly a float32. */
export interface AffineParams {
  readonly scale: number;
  readonly zeroPoint: number;
}

/** How {@link chooseAffineParams} turns a range of values into scale and zero point. */
export interface AffineRule {
  /**
   * `fbgemm`: PyTorch's dynamic and legacy int8 linear operators; doubles, smallest scale 6.1e-5, scale 0.1 for an
   * empty range. `observer`: the rule of `torch.ao.quantization` observers; float32, smallest scale 2^-23.
   */
  readonly rule: 'fbgemm' | 'observer';
  /** Smallest level. */
  readonly qmin: number;
  /** Largest level. */
  readonly qmax: number;
  /** Scale from the larger of |min| and |max|, zero point in the middle of the levels. Only for `observer`. */
  readonly symmetric?: boolean;
  /** Use half of the levels (7 bits instead of 8), as PyTorch does for activations on x86. Default false. */
  readonly reduceRange?: boolean;
}

/** The smallest scale FBGEMM uses: about the smallest normal float16, 2^-14. A float32. */
const fbgemmSmallestScale = Math.fround(6.1e-5);
/** float32's machine epsilon, 2^-23: the smallest scale of PyTorch's observers. */
export const observerSmallestScale: number = 2 ** -23;

/**
 * Scale and zero point that map values of [min, max] to the levels [qmin, qmax]. The range is first widened to
 * contain 0, so that 0 is represented exactly.
 *
 * Source: `ChooseQuantizationParams` of FBGEMM and `calculate_qparams` of PyTorch's observers.
 * Throws a `TampError` (`data`) when the range is not finite or min > max.
 */
export function chooseAffineParams(min: number, max: number, rule: AffineRule): AffineParams {
  if (!Number.isFinite(min) || !Number.isFinite(max) || min > max) {
    throw new TampError(`the range [${min}, ${max}] is not a finite range`, {
      code: 'data',
      remedy: 'Check the values that were observed for NaN and infinities.',
    });
  }
  const low = Math.fround(Math.min(min, 0));
  const high = Math.fround(Math.max(max, 0));
  const qmin = rule.reduceRange === true ? Math.trunc(rule.qmin / 2) : rule.qmin;
  const qmax = rule.reduceRange === true ? Math.trunc(rule.qmax / 2) : rule.qmax;
  if (rule.rule === 'observer') {
    return rule.symmetric === true
      ? observerSymmetric(low, high, qmin, qmax)
      : observerAffine(low, high, qmin, qmax);
  }
  if (rule.symmetric === true) {
    throw new TampError('the fbgemm rule has no symmetric form', {
      code: 'usage',
      remedy: "Use rule 'observer'.",
    });
  }
  return fbgemm(low, high, qmin, qmax);
}

function fbgemm(low: number, high: number, qmin: number, qmax: number): AffineParams {
  const levels = qmax - qmin;
  let min = low;
  let max = high;
  let scale = Math.fround((max - min) / levels);
  if (scale === 0 || Math.fround(1 / scale) === Infinity) scale = Math.fround(0.1);
  if (scale < fbgemmSmallestScale) {
    // Widen the range to what the smallest scale covers, keeping its proportions.
    if (min === 0) {
      max = Math.fround(fbgemmSmallestScale * levels);
    } else if (max === 0) {
      min = Math.fround(-fbgemmSmallestScale * levels);
    } else {
      const widening = Math.fround(fbgemmSmallestScale / scale);
      min = Math.fround(min * widening);
      max = Math.fround(max * widening);
    }
    scale = fbgemmSmallestScale;
  }
  // Both ends give a zero point; the one computed from smaller numbers has the smaller rounding error.
  const errorFromMin = Math.abs(qmin) + Math.abs(min / scale);
  const errorFromMax = Math.abs(qmax) + Math.abs(max / scale);
  const exact = errorFromMin < errorFromMax ? qmin - min / scale : qmax - max / scale;
  return { scale, zeroPoint: roundHalfEven(Math.min(Math.max(exact, qmin), qmax)) };
}

function observerAffine(low: number, high: number, qmin: number, qmax: number): AffineParams {
  const scale = finiteScale(Math.fround(Math.fround(high - low) / (qmax - qmin)), low, high);
  const zeroPoint = qmin - roundHalfEven(Math.fround(low / scale));
  return { scale, zeroPoint: Math.min(Math.max(zeroPoint, qmin), qmax) };
}

function observerSymmetric(low: number, high: number, qmin: number, qmax: number): AffineParams {
  const magnitude = Math.max(-low, high);
  const scale = finiteScale(Math.fround(magnitude / ((qmax - qmin) / 2)), low, high);
  return { scale, zeroPoint: Math.floor((qmin + qmax + 1) / 2) };
}

function finiteScale(scale: number, low: number, high: number): number {
  if (scale === Infinity) {
    throw new TampError(`the range [${low}, ${high}] is wider than float32 can hold`, { code: 'data' });
  }
  return Math.max(scale, observerSmallestScale);
}
