export {
  type ByteSink,
  type ByteSource,
  blobSource,
  bytesOf,
  memorySink,
  TampError,
  type UrlSourceOptions,
  urlSource,
} from '@tamp/core';
export {
  type Checkpoint,
  type CheckpointOptions,
  type CheckpointTensor,
  type OpenFile,
  openCheckpoint,
} from './checkpoint.js';
export {
  bitsPerElement,
  isSafetensorsDtype,
  type SafetensorsDtype,
  type SizeProblem,
  safetensorsDtypes,
  tensorByteLength,
} from './dtype.js';
export { parseSafetensorsHeader, type SafetensorsHeader, type SafetensorsInfo } from './header.js';
export { type OpenOptions, openSafetensors, type SafetensorsFile } from './safetensors-file.js';
export { type ShardedFiles, type ShardOptions, writeSharded } from './sharded-writer.js';
export { chunksOf, type SafetensorsEntry, type WriteOptions, writeSafetensors } from './writer.js';
