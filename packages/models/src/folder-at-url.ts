import { TampError, type UrlSourceOptions, urlSource } from '@tamp/core';
import { folderOfNames } from './folder-of-names.js';
import type { ModelFolder } from './model-folder.js';

/** Options of {@link folderAtUrl}. */
export interface UrlFolderOptions extends UrlSourceOptions {
  /** The names of the model's files: a web server does not list them. */
  readonly files: readonly string[];
}

/**
 * The model folder at a URL. Each file is read by range requests (see `urlSource`) once it is opened.
 *
 * @param base the URL of the folder, with or without a slash at its end; in a page it may be relative
 * @throws TampError (`usage`) for what is not a URL
 */
export function folderAtUrl(base: string | URL, { files, ...options }: UrlFolderOptions): ModelFolder {
  let folder: URL;
  try {
    folder = new URL(base, globalThis.location?.href);
  } catch (cause) {
    throw new TampError(`"${String(base)}" is not a URL`, {
      code: 'usage',
      remedy: 'Give an absolute http or https URL.',
      cause,
    });
  }
  if (!folder.pathname.endsWith('/')) folder.pathname += '/';
  return folderOfNames(folder.origin + folder.pathname.slice(0, -1), files, (name) => {
    const file = new URL(folder);
    file.pathname += encodeURIComponent(name);
    return urlSource(file, options);
  });
}
