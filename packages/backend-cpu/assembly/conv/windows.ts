/** The argument block of {@link gatherWindows} and {@link scatterWindows}: a convolution's geometry, channels last. */
@unmanaged
export class Windows {
  /** float32 [images, height, width, channels]. */
  image: usize;
  /** float32 [images, outHeight, outWidth, kernelHeight, kernelWidth, channels]. */
  windows: usize;
  height: i32;
  width: i32;
  channels: i32;
  outHeight: i32;
  outWidth: i32;
  kernelHeight: i32;
  kernelWidth: i32;
  strideHeight: i32;
  strideWidth: i32;
  padTop: i32;
  padLeft: i32;
  dilationHeight: i32;
  dilationWidth: i32;
}

/** Writes what each window of the image sees, zeros outside of it. Units: images × outHeight. */
export function gatherWindows(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const w = changetype<Windows>(args),
    pixel = <usize>w.channels << 2,
    row = <usize>w.width * pixel;
  for (let unit = begin; unit < end; unit++) {
    const image = w.image + <usize>(unit / w.outHeight) * <usize>w.height * row,
      top = (unit % w.outHeight) * w.strideHeight - w.padTop;
    let out = w.windows + <usize>unit * <usize>(w.outWidth * w.kernelHeight * w.kernelWidth) * pixel;
    for (let x = 0; x < w.outWidth; x++) {
      const left = x * w.strideWidth - w.padLeft;
      for (let ky = 0; ky < w.kernelHeight; ky++) {
        const y = top + ky * w.dilationHeight,
          inside = y >= 0 && y < w.height;
        if (inside && w.dilationWidth == 1 && left >= 0 && left + w.kernelWidth <= w.width) {
          const bytes = <usize>w.kernelWidth * pixel;
          memory.copy(out, image + <usize>y * row + <usize>left * pixel, bytes);
          out += bytes;
          continue;
        }
        for (let kx = 0; kx < w.kernelWidth; kx++) {
          const at = left + kx * w.dilationWidth;
          if (inside && at >= 0 && at < w.width) memory.copy(out, image + <usize>y * row + <usize>at * pixel, pixel);
          else memory.fill(out, 0, pixel);
          out += pixel;
        }
      }
    }
  }
}

/** The transpose of {@link gatherWindows}: each pixel is the sum of what it is in every window. Units: images × height. */
export function scatterWindows(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const w = changetype<Windows>(args),
    pixel = <usize>w.channels << 2,
    vectors = <usize>(w.channels & ~3) << 2,
    window = <usize>(w.kernelHeight * w.kernelWidth) * pixel;
  for (let unit = begin; unit < end; unit++) {
    const y = unit % w.height,
      windows = w.windows + <usize>(unit / w.height) * <usize>(w.outHeight * w.outWidth) * window;
    let out = w.image + <usize>(unit * w.width) * pixel;
    for (let x = 0; x < w.width; x++) {
      memory.fill(out, 0, pixel);
      for (let ky = 0; ky < w.kernelHeight; ky++) {
        const down = y + w.padTop - ky * w.dilationHeight;
        if (down < 0 || down % w.strideHeight) continue;
        const oy = down / w.strideHeight;
        if (oy >= w.outHeight) continue;
        for (let kx = 0; kx < w.kernelWidth; kx++) {
          const right = x + w.padLeft - kx * w.dilationWidth;
          if (right < 0 || right % w.strideWidth) continue;
          const ox = right / w.strideWidth;
          if (ox >= w.outWidth) continue;
          const from = windows + <usize>(oy * w.outWidth + ox) * window + <usize>(ky * w.kernelWidth + kx) * pixel;
          let i: usize = 0;
          for (; i < vectors; i += 16) v128.store(out + i, f32x4.add(v128.load(out + i), v128.load(from + i)));
          for (; i < pixel; i += 4) store<f32>(out + i, load<f32>(out + i) + load<f32>(from + i));
        }
      }
      out += pixel;
    }
  }
}
