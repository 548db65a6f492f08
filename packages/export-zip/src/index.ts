export { type ArchiveLimits, defaultLimits } from './archive-limits.js';
export { type GrowArchiveOptions, type GrowingArchive, growArchive } from './grow-archive.js';
export { type OpenArchiveOptions, openArchive } from './open-archive.js';
export { partName } from './part-name.js';
export type { PackingOptions, WritingOptions } from './write/archive-options.js';
export type { WrittenArchive } from './write/archive-writer.js';
export type { WrittenEntry } from './write/parts-writer.js';
export { type WriteArchiveOptions, writeArchive } from './write-archive.js';
