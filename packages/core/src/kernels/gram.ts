import { hasCalibrationKernel, readResults, runCalibrationKernel } from './calibration-kernel.js';
import { gramReference } from './reference/gram.js';

/**
 * xᵀ · x [columns, columns] of a float32 matrix x [rows, columns], both row-major; symmetric to the bit.
 * Contract of `TampGram`: input x float32 [rows, columns]; result float32 [columns, columns], summed in float32 or better.
 */
export async function gram(x: Float32Array, rows: number, columns: number): Promise<Float32Array> {
  if (!hasCalibrationKernel('TampGram')) return gramReference(x, rows, columns);
  const results = runCalibrationKernel('TampGram', { x: { values: x, shape: [rows, columns] } }, {});
  const [product] = await readResults(results);
  return product instanceof Float32Array ? product : Float32Array.from(product);
}
