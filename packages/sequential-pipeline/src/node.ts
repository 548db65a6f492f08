export { diskStorage } from './cache/disk-storage.js';
export { checkpointFolder } from './checkpoint/checkpoint-folder.js';
