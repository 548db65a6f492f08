/** Geometry of a convolution in PyTorch's layout. */
export interface ConvolutionShape {
  /** Of the input: [batch, channels, height, width]. */
  readonly input: readonly [number, number, number, number];
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly stride: number;
  /** Zeros on every side. */
  readonly padding: number;
}

/**
 * The patches a convolution multiplies with its weight, one row per output position, columns in the order of the
 * weight's [channels, kernel height, kernel width]: convolution is then a linear layer of these rows.
 */
export function im2col(x: Float32Array, shape: ConvolutionShape): Float32Array {
  const { kernelHeight, kernelWidth, stride, padding } = shape;
  const [batch, channels, height, width] = shape.input;
  const outHeight = Math.floor((height + 2 * padding - kernelHeight) / stride) + 1;
  const outWidth = Math.floor((width + 2 * padding - kernelWidth) / stride) + 1;
  const patches = new Float32Array(batch * outHeight * outWidth * channels * kernelHeight * kernelWidth);
  let at = 0;
  for (let b = 0; b < batch; b++) {
    for (let row = 0; row < outHeight; row++) {
      for (let column = 0; column < outWidth; column++) {
        for (let c = 0; c < channels; c++) {
          for (let i = 0; i < kernelHeight; i++) {
            const y = row * stride - padding + i;
            const from = ((b * channels + c) * height + y) * width + column * stride - padding;
            for (let j = 0; j < kernelWidth; j++, at++) {
              const inside = y >= 0 && y < height && column * stride - padding + j >= 0;
              if (inside && column * stride - padding + j < width) patches[at] = x[from + j];
            }
          }
        }
      }
    }
  }
  return patches;
}
