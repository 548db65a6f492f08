export {
  type ArchiveFileOptions,
  type ExportedArchive,
  exportArchive,
  type GrowingArchiveFile,
  growArchiveFile,
} from './files/export-archive.js';
export { type ArchiveFile, openArchiveFile } from './files/open-archive-file.js';
