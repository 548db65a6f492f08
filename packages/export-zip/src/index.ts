export { type ArchiveLimits, defaultLimits } from './archive-limits.js';
export { type OpenArchiveOptions, openArchive } from './open-archive.js';
export { partName } from './part-name.js';
export type { WrittenEntry } from './write/parts-writer.js';
export { type WriteArchiveOptions, type WrittenArchive, writeArchive } from './write-archive.js';
