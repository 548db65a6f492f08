import type { ModelFiles } from './model-files.js';

/** What recipes find in a page: one model, and files by the names that recipes give them, such as texts. */
export interface Workspace {
  readonly model: ModelFiles;
  readonly files: ReadonlyMap<string, Blob>;
}
