export { diskStorage } from './cache/disk-storage.js';
