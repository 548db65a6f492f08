import { TampError } from '@tamp/core';
import type * as tf from '@tensorflow/tfjs-core';
import { type TampCpuBackend, withTemporaries } from '../backend/tamp-cpu-backend.js';
import { Task } from '../wasm/tasks.js';

/** Rows and columns of one unit, as in `assembly/linear-algebra/gram.ts`. */
const GRAM_TILE = 32;

/**
 * A square float64 matrix in the backend's memory: sums of xᵀ · x over calibration data, their Cholesky factor and
 * its inverse. tfjs has no float64 tensors, so this is a type of its own; free it with {@link Float64Matrix.dispose}.
 * Results do not depend on the number of threads.
 */
export class Float64Matrix {
  /** Rows and columns. */
  readonly n: number;
  readonly #backend: TampCpuBackend;
  readonly #pointer: number;
  #disposed = false;

  private constructor(backend: TampCpuBackend, n: number) {
    this.#backend = backend;
    this.n = n;
    this.#pointer = backend.runtime.heap.allocate(n * n * 8);
  }

  /** An n × n matrix of zeros. Throws a `TampError` (`usage`) unless n is a positive whole number. */
  static zeros(backend: TampCpuBackend, n: number): Float64Matrix {
    if (!Number.isInteger(n) || n < 1) {
      throw new TampError(`a matrix of ${n} rows is not possible`, { code: 'usage' });
    }
    const matrix = new Float64Matrix(backend, n);
    matrix.#view().fill(0);
    return matrix;
  }

  /** A matrix with these values, row by row. */
  static from(backend: TampCpuBackend, values: Float64Array): Float64Matrix {
    const matrix = Float64Matrix.zeros(backend, Math.sqrt(values.length));
    matrix.#view().set(values);
    return matrix;
  }

  /** Adds xᵀ · x for a float32 tensor x [m, n] of the same backend; products and sums are float64. */
  addGram(x: tf.TensorInfo): void {
    const [m = 0, n = 0] = x.shape;
    if (x.shape.length !== 2 || n !== this.n) {
      throw new TampError(`x must be [m, ${this.n}], not [${x.shape.join(', ')}]`, { code: 'usage' });
    }
    const tiles = Math.ceil(n / GRAM_TILE);
    withTemporaries(this.#backend, (temporaries) => {
      const pointer = this.#backend.pointer(x, 'float32', temporaries);
      const words = [pointer, this.#address(), m, n];
      this.#backend.runtime.pool.run(Task.accumulateGram, words, (tiles * (tiles + 1)) / 2, m * n * n);
    });
  }

  /** Adds a number to every element of the diagonal. */
  addDiagonal(value: number): void {
    const view = this.#view();
    for (let i = 0; i < this.n; i++) view[i * this.n + i] = (view[i * this.n + i] ?? 0) + value;
  }

  /**
   * The lower triangular L with L · Lᵀ = this, which must be symmetric. Throws a `TampError` (`data`) when it is not
   * positive definite.
   */
  cholesky(): Float64Matrix {
    const { kernels, pool } = this.#backend.runtime;
    const factor = new Float64Matrix(this.#backend, this.n);
    for (let column = 0; column < this.n; column++) {
      if (kernels.choleskyDiagonal(this.#address(), factor.#pointer, this.n, column) === 0) {
        factor.dispose();
        throw new TampError(`the matrix is not positive definite (at column ${column})`, {
          code: 'data',
          remedy: 'Add to its diagonal (damping), or use more calibration data.',
        });
      }
      const rows = this.n - column - 1;
      const words = [this.#address(), factor.#pointer, this.n, column];
      pool.run(Task.choleskyColumn, words, rows, rows * column);
    }
    return factor;
  }

  /** The inverse of this lower triangular matrix, transposed: upper triangular. */
  invertLowerTransposed(): Float64Matrix {
    const inverse = new Float64Matrix(this.#backend, this.n);
    const words = [this.#address(), inverse.#pointer, this.n, 0];
    this.#backend.runtime.pool.run(Task.invertLowerTransposed, words, this.n, this.n ** 3 / 3);
    return inverse;
  }

  /** A copy of the values, row by row. */
  values(): Float64Array {
    return this.#view().slice();
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#backend.runtime.heap.free(this.#pointer);
  }

  #address(): number {
    if (this.#disposed) throw new TampError('the matrix was disposed', { code: 'usage' });
    return this.#pointer;
  }

  #view(): Float64Array {
    const start = this.#address() / 8;
    return this.#backend.runtime.heap.f64.subarray(start, start + this.n * this.n);
  }
}
