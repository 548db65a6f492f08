import type { NamedFile } from './named-file.js';

/** The files of a file input or a folder input. */
export function chosenFiles(list: FileList): readonly NamedFile[] {
  return Array.from(list, (file) => ({
    path: file.webkitRelativePath === '' ? file.name : file.webkitRelativePath,
    file,
  }));
}
