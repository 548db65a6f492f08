export { fileError } from './bytes/file-error.js';
export { makeFolder } from './bytes/file-folder.js';
export { type FileSinkOptions, fileSink } from './bytes/file-sink.js';
export { type FileSource, fileSource } from './bytes/file-source.js';
export { checkpointFolder } from './checkpoint/checkpoint-folder.js';
export { parameterFile } from './parameters/file-parameters.js';
