export { type FileSource, fileSink, fileSource } from '@tamp/core/node';
export { type CheckpointFolder, openCheckpointFolder } from './checkpoint-folder.js';
