import {
  checkWeight,
  chooseRanges,
  type QuantizedWeight,
  type QuantizeWeightOptions,
  roundWithin,
  type ScaleFormat,
  usableScale,
  type WeightRanges,
} from '../affine/quantize-weight.js';
import { searchSettings } from '../affine/range-search.js';
import { type AffineScheme, scaleCount } from '../schemes/scheme.js';
import { hasCalibrationKernel, readResults, runCalibrationKernel } from './calibration-kernel.js';

/** Elements of a group that a kernel takes; a thread keeps some copies of one. */
const mostElements = 2 ** 16;

const formats: Readonly<Record<ScaleFormat, number>> = { float32: 0, float16: 1, bfloat16: 2 };

/**
 * Scale and zero point of each group of a weight [rows, columns]: what {@link chooseRanges} gives and throws, with a
 * search on the backend's kernel where it has one.
 *
 * Contract of `TampSearchRanges`: inputs weight float32 [rows, columns], importance float32 [columns]; attributes bits,
 * symmetric, length (consecutive elements that share a scale), gridPoints, maxShrink, emphasis, signedScales and
 * scaleFormat (0: float32, 1: float16, 2: bfloat16). Results: scales float32 [groups], infinite where the format cannot
 * hold one, and for asymmetric schemes zeroPoints int32 [groups]. The arithmetic is that of the reference, in float64,
 * operation by operation, so the results are the same to the bit (an emphasis other than 0, 1 and 2 goes through a power
 * that may differ in its last bits).
 */
export async function searchRanges(
  weight: Float32Array,
  rows: number,
  columns: number,
  scheme: AffineScheme,
  options: QuantizeWeightOptions = {},
): Promise<WeightRanges> {
  const { layer, search, scaleFormat = 'float32' } = options;
  const count = scaleCount(scheme, rows, columns);
  const length = weight.length / count;
  if (search === undefined || !(length <= mostElements) || !hasCalibrationKernel('TampSearchRanges')) {
    return chooseRanges(weight, rows, columns, scheme, options);
  }
  checkWeight(weight, rows, columns, scheme, layer);
  const settings = searchSettings(search, scheme, columns, layer);
  const importance = search.importance ?? new Float32Array(columns).fill(1);
  const results = runCalibrationKernel(
    'TampSearchRanges',
    {
      weight: { values: weight, shape: [rows, columns] },
      importance: { values: importance, shape: [columns] },
    },
    {
      ...settings,
      bits: scheme.bits,
      symmetric: scheme.symmetric,
      length,
      scaleFormat: formats[scaleFormat],
    },
  );
  const [found, zeroPoints] = await readResults(results);
  const scales = Float32Array.from(found, (scale) => usableScale(scale, scaleFormat, layer));
  return scheme.symmetric ? { scales } : { scales, zeroPoints: Int8Array.from(zeroPoints) };
}

/** What {@link quantizeWeight} gives and throws, with a search on the backend's kernel where it has one. */
export async function quantizeWithSearch(
  weight: Float32Array,
  rows: number,
  columns: number,
  scheme: AffineScheme,
  options: QuantizeWeightOptions = {},
): Promise<QuantizedWeight> {
  return roundWithin(weight, scheme, await searchRanges(weight, rows, columns, scheme, options));
}
