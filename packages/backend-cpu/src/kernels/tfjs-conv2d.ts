import * as tf from '@tensorflow/tfjs-core';
import {
  type TampCpuBackend,
  type Temporaries,
  tampCpuBackend,
  withTemporaries,
} from '../backend/tamp-cpu-backend.js';
import { Task } from '../wasm/tasks.js';
import { FLAT_BLOCK } from './fused.js';
import { gemm, transpose } from './matmul.js';
import { type Clamp, fusedEpilogue } from './tfjs-activation.js';

/** Windows of one pass: images are taken in groups whose windows fill about this much. */
const WINDOW_BYTES = 8 * 1024 * 1024;

type ConvInfo = tf.backend_util.Conv2DInfo;

/** A convolution as a product: windows [images · pixels, k] times the filter [k, outputs]. */
interface Geometry {
  readonly info: ConvInfo;
  /** Output pixels of one image. */
  readonly pixels: number;
  /** Elements of one window. */
  readonly k: number;
  readonly outputs: number;
  readonly imageSize: number;
  /** Images of one pass. */
  readonly group: number;
  /** Every window is one pixel, and all in order: the image is its own windows. */
  readonly plain: boolean;
}

function geometryOf(info: ConvInfo): Geometry {
  const pixels = info.outHeight * info.outWidth;
  const k = info.filterHeight * info.filterWidth * info.inChannels;
  const plain =
    info.filterHeight * info.filterWidth === 1 &&
    info.strideHeight * info.strideWidth === 1 &&
    info.padInfo.top + info.padInfo.left + info.padInfo.bottom + info.padInfo.right === 0;
  return {
    info,
    pixels,
    k,
    outputs: info.outChannels,
    imageSize: info.inHeight * info.inWidth * info.inChannels,
    group: Math.max(1, Math.min(info.batchSize, Math.floor(WINDOW_BYTES / (pixels * k * 4)))),
    plain,
  };
}

function windowWords(image: number, windows: number, { info }: Geometry): number[] {
  return [
    image,
    windows,
    info.inHeight,
    info.inWidth,
    info.inChannels,
    info.outHeight,
    info.outWidth,
    info.filterHeight,
    info.filterWidth,
    info.strideHeight,
    info.strideWidth,
    info.padInfo.top,
    info.padInfo.left,
    info.dilationHeight,
    info.dilationWidth,
  ];
}

/** Calls `body` for each group of images with the address of its windows. */
function forEachGroup(
  backend: TampCpuBackend,
  temporaries: Temporaries,
  geometry: Geometry,
  x: number,
  body: (windows: number, firstImage: number, images: number) => void,
): void {
  const { info, pixels, k, imageSize, group, plain } = geometry;
  const room = plain ? 0 : temporaries.allocate(group * pixels * k * 4);
  for (let first = 0; first < info.batchSize; first += group) {
    const images = Math.min(group, info.batchSize - first);
    const image = x + first * imageSize * 4;
    if (!plain) {
      const words = windowWords(image, room, geometry);
      backend.runtime.pool.run(Task.gatherWindows, words, images * info.outHeight, images * pixels * k);
    }
    body(plain ? image : room, first, images);
  }
}

function forward(
  backend: TampCpuBackend,
  info: ConvInfo,
  x: tf.TensorInfo,
  filter: tf.TensorInfo,
  bias: tf.TensorInfo | undefined,
  clamp: Clamp,
): tf.TensorInfo {
  return withTemporaries(backend, (temporaries) => {
    const geometry = geometryOf(info);
    const { pixels, k, outputs } = geometry;
    const xPointer = backend.pointer(x, 'float32', temporaries);
    const b = backend.pointer(filter, 'float32', temporaries);
    const biasPointer = bias === undefined ? 0 : backend.pointer(bias, 'float32', temporaries);
    const output = backend.output(info.outShape, 'float32');
    forEachGroup(backend, temporaries, geometry, xPointer, (a, first, images) => {
      gemm(backend.runtime, {
        a,
        b,
        out: output.pointer + first * pixels * outputs * 4,
        bias: biasPointer,
        m: images * pixels,
        n: outputs,
        k,
        batch: 1,
        strideA: 0,
        strideB: 0,
        transposedB: false,
        ...clamp,
      });
    });
    return output.info;
  });
}

const unclamped: Clamp = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };

/** Gradient by the filter: windowsᵀ · dy, summed over groups of images in order. */
function filterGradient(
  backend: TampCpuBackend,
  info: ConvInfo,
  x: tf.TensorInfo,
  dy: tf.TensorInfo,
): tf.TensorInfo {
  return withTemporaries(backend, (temporaries) => {
    const geometry = geometryOf(info);
    const { pixels, k, outputs, group } = geometry;
    const xPointer = backend.pointer(x, 'float32', temporaries);
    const dyPointer = backend.pointer(dy, 'float32', temporaries);
    const output = backend.output(info.filterShape, 'float32');
    const turned = temporaries.allocate(group * pixels * k * 4);
    const part = temporaries.allocate(k * outputs * 4);
    forEachGroup(backend, temporaries, geometry, xPointer, (windows, first, images) => {
      const m = images * pixels;
      transpose(backend.runtime, windows, turned, 1, m, k);
      gemm(backend.runtime, {
        a: turned,
        b: dyPointer + first * pixels * outputs * 4,
        out: first === 0 ? output.pointer : part,
        bias: 0,
        m: k,
        n: outputs,
        k: m,
        batch: 1,
        strideA: 0,
        strideB: 0,
        transposedB: false,
        ...unclamped,
      });
      if (first === 0) return;
      const length = k * outputs;
      const words = [output.pointer, part, output.pointer, length, 0, 0];
      backend.runtime.pool.run(Task.binary, words, Math.ceil(length / FLAT_BLOCK), length);
    });
    return output.info;
  });
}

/** Gradient by the input: dy · filterᵀ gives each window's share, and pixels sum theirs. */
function inputGradient(
  backend: TampCpuBackend,
  info: ConvInfo,
  dy: tf.TensorInfo,
  filter: tf.TensorInfo,
): tf.TensorInfo {
  return withTemporaries(backend, (temporaries) => {
    const geometry = geometryOf(info);
    const { pixels, k, outputs, group, imageSize } = geometry;
    const dyPointer = backend.pointer(dy, 'float32', temporaries);
    const b = backend.pointer(filter, 'float32', temporaries);
    const output = backend.output(info.inShape, 'float32');
    const windows = temporaries.allocate(group * pixels * k * 4);
    for (let first = 0; first < info.batchSize; first += group) {
      const images = Math.min(group, info.batchSize - first);
      gemm(backend.runtime, {
        a: dyPointer + first * pixels * outputs * 4,
        b,
        out: windows,
        bias: 0,
        m: images * pixels,
        n: k,
        k: outputs,
        batch: 1,
        strideA: 0,
        strideB: 0,
        transposedB: true,
        ...unclamped,
      });
      const words = windowWords(output.pointer + first * imageSize * 4, windows, geometry);
      backend.runtime.pool.run(Task.scatterWindows, words, images * info.inHeight, images * pixels * k);
    }
    return output.info;
  });
}

type Shape4 = [number, number, number, number];

function shape4(shape: readonly number[]): Shape4 {
  const [a = 0, b = 0, c = 0, d = 0] = shape;
  return [a, b, c, d];
}

interface ConvAttributes {
  readonly strides: [number, number] | number;
  readonly pad: 'valid' | 'same' | number | tf.backend_util.ExplicitPadding;
  readonly dataFormat: 'NHWC' | 'NCHW';
  readonly dilations?: [number, number] | number;
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

/** A kernel's attributes; tfjs checks them before the call. */
function attributesOf<T>(attrs: tf.NamedAttrMap | undefined): T {
  return (attrs ?? {}) as unknown as T;
}

function infoOf(inShape: readonly number[], filterShape: readonly number[], a: ConvAttributes): ConvInfo {
  const format = tf.backend_util.convertConv2DDataFormat(a.dataFormat);
  const dilations = a.dilations ?? 1;
  return tf.backend_util.computeConv2DInfo(
    shape4(inShape),
    shape4(filterShape),
    a.strides,
    dilations,
    a.pad,
    a.dimRoundingMode,
    false,
    format,
  );
}

function suits(info: ConvInfo, tensors: readonly tf.TensorInfo[]): boolean {
  return (
    info.dataFormat === 'channelsLast' &&
    info.inChannels > 0 &&
    info.batchSize * info.outHeight * info.outWidth * info.outChannels > 0 &&
    tensors.every(({ dtype }) => dtype === 'float32')
  );
}

function inputsOf(
  inputs: tf.NamedTensorInfoMap,
  first: string,
  second: string,
): [tf.TensorInfo, tf.TensorInfo] {
  const [a, b] = [inputs[first], inputs[second]];
  if (a === undefined || b === undefined) throw new Error(`A convolution lacks ${first} or ${second}.`);
  return [a, b];
}

/**
 * tfjs's two-dimensional convolution, plain and fused, and both its gradients, as products of windows, channels last.
 * Channels first go to tfjs's own kernels.
 */
export function conv2dKernels(backendName: string): tf.KernelConfig[] {
  const kernel = (
    kernelName: string,
    own: (call: {
      readonly backend: TampCpuBackend;
      readonly inputs: tf.NamedTensorInfoMap;
      readonly attrs: tf.NamedAttrMap;
    }) => tf.TensorInfo | undefined,
  ): tf.KernelConfig => {
    const original = tf.getKernel(kernelName, 'cpu');
    return {
      kernelName,
      backendName,
      kernelFunc({ inputs, attrs = {}, backend: given }) {
        const backend = tampCpuBackend(given);
        return own({ backend, inputs, attrs }) ?? original.kernelFunc({ inputs, attrs, backend });
      },
    };
  };
  return [
    kernel(tf.Conv2D, ({ backend, inputs, attrs }) => {
      const [x, filter] = inputsOf(inputs, 'x', 'filter');
      const info = infoOf(x.shape, filter.shape, attributesOf(attrs));
      return suits(info, [x, filter]) ? forward(backend, info, x, filter, undefined, unclamped) : undefined;
    }),
    kernel(tf.FusedConv2D, ({ backend, inputs, attrs }) => {
      const [x, filter] = inputsOf(inputs, 'x', 'filter');
      const info = infoOf(x.shape, filter.shape, attributesOf(attrs));
      if (!suits(info, [x, filter])) return undefined;
      const { columnBias, clamp, rest } = fusedEpilogue(
        backend,
        backendName,
        info.outChannels,
        inputs,
        attrs,
      );
      return rest(forward(backend, info, x, filter, columnBias, clamp));
    }),
    kernel(tf.Conv2DBackpropFilter, ({ backend, inputs, attrs }) => {
      const [x, dy] = inputsOf(inputs, 'x', 'dy');
      const given = attributesOf<ConvAttributes & { readonly filterShape: readonly number[] }>(attrs);
      const info = infoOf(x.shape, given.filterShape, given);
      return suits(info, [x, dy]) ? filterGradient(backend, info, x, dy) : undefined;
    }),
    kernel(tf.Conv2DBackpropInput, ({ backend, inputs, attrs }) => {
      const [dy, filter] = inputsOf(inputs, 'dy', 'filter');
      const given = attributesOf<ConvAttributes & { readonly inputShape: readonly number[] }>(attrs);
      const info = infoOf(given.inputShape, filter.shape, given);
      return suits(info, [dy, filter]) ? inputGradient(backend, info, dy, filter) : undefined;
    }),
  ];
}
