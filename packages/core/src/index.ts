export { blobSource } from './bytes/blob-source.js';
export { type ByteSink, fillSink, type MemorySink, memorySink } from './bytes/byte-sink.js';
export { type ByteSource, bytesOf, checkRange, readAll, sliceOf } from './bytes/byte-source.js';
export { type UrlSourceOptions, urlSource } from './bytes/url-source.js';
export {
  type ErrorLocation,
  isTampError,
  TampError,
  type TampErrorCode,
  type TampErrorOptions,
} from './errors/tamp-error.js';

// Quantization maths
export { bfloat16ToFloat32, float32ToBfloat16 } from './numeric/bfloat16.js';
export { float16ToFloat32, float32ToFloat16 } from './numeric/float16.js';
export { roundHalfEven } from './numeric/round-half-even.js';
export {
  type AffineScheme,
  checkScheme,
  describeScheme,
  type Granularity,
  groupsPerRow,
  type LevelRange,
  levelRange,
  scaleCount,
} from './schemes/scheme.js';
