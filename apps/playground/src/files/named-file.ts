/** A file and its path inside of what was dropped or chosen: `qwen/config.json`. */
export interface NamedFile {
  readonly path: string;
  readonly file: Blob;
}

/** The last part of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Everything before the last part of a path, without the slash. */
export function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}
