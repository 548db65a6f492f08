export { blobSource } from './bytes/blob-source.js';
export { type ByteSource, bytesOf, checkRange, readAll, sliceOf } from './bytes/byte-source.js';
export {
  type ErrorLocation,
  isTampError,
  TampError,
  type TampErrorCode,
  type TampErrorOptions,
} from './errors/tamp-error.js';
