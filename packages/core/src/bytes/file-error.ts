import { TampError } from '../errors/tamp-error.js';

/** What the system's error codes mean to a reader, and what can be done about them. */
const meanings: Readonly<Record<string, { readonly reason: string; readonly remedy: string }>> = {
  ENOENT: { reason: 'it or its folder does not exist', remedy: 'Check the path, or create the folder.' },
  ENOTDIR: { reason: 'part of its path is not a folder', remedy: 'Check the path.' },
  EISDIR: { reason: 'it is a folder', remedy: 'Name a file.' },
  EACCES: { reason: 'permission is denied', remedy: 'Change its permissions or choose another place.' },
  EPERM: { reason: 'permission is denied', remedy: 'Change its permissions or choose another place.' },
  EROFS: { reason: 'its disk is read-only', remedy: 'Choose another place.' },
  ENOSPC: { reason: 'the disk is full', remedy: 'Free some space or choose another disk.' },
  EDQUOT: { reason: 'the disk quota is used up', remedy: 'Free some space or choose another disk.' },
  EFBIG: {
    reason: 'files may not grow so large there',
    remedy: 'Write smaller shards or choose another disk.',
  },
  EMFILE: { reason: 'too many files are open', remedy: 'Close sources that are no longer read.' },
  ENFILE: { reason: 'too many files are open', remedy: 'Close sources that are no longer read.' },
  EBUSY: { reason: 'another program uses it', remedy: 'Close that program and try again.' },
};

/** The `TampError` (`io`) for a failed file operation; `action` reads like `cannot be read`. */
export function fileError(cause: unknown, path: string, action: string): TampError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
  const meaning = code === undefined || !Object.hasOwn(meanings, code) ? undefined : meanings[code];
  const reason = meaning?.reason ?? (cause instanceof Error ? cause.message : String(cause));
  return new TampError(
    `${action}: ${reason}${code === undefined || reason.includes(code) ? '' : ` (${code})`}`,
    {
      code: 'io',
      at: { file: path },
      ...(meaning === undefined ? {} : { remedy: meaning.remedy }),
      cause,
    },
  );
}
