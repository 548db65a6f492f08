export { type ExportedArchive, exportArchive } from './files/export-archive.js';
export { type ArchiveFile, openArchiveFile } from './files/open-archive-file.js';
