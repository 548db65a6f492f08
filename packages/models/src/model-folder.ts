import type { ByteSource } from '@tamp/core';

/** Where the files of a model lie: a folder on disk, a list of files chosen in a page, a base URL. */
export interface ModelFolder {
  /** What to call it in errors. */
  readonly label: string;
  /** A file by its name in the folder. Rejects with a `TampError` (`io`) when it cannot be opened. */
  open(name: string): Promise<ByteSource>;
  /** Whether there is a file of that name. */
  has(name: string): Promise<boolean>;
  /** The names of the files in the folder. */
  list(): Promise<readonly string[]>;
}
