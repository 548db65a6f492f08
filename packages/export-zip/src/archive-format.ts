/** The version of the format this package writes and the only one it reads. */
export const formatVersion = 1;

/** Contents of one entry of parameter data, before compression, are at most this large. */
export const maxChunkBytes: number = 8 * 2 ** 20;

/** Streams smaller than this share entries. */
export const sharedBelowBytes: number = 64 * 2 ** 10;

/** An entry that small streams share is closed once it holds this much. */
export const sharedEntryBytes: number = 2 ** 20;

/** Parameter names, node names and asset paths are at most this long, in UTF-16 units. */
export const maxNameLength = 1024;

/** Name of the entry that describes all others; the last entry of the first part. */
export const manifestName = 'manifest.json';

/** Folder of the asset entries. */
export const assetFolder = 'assets/';

/** What to do about a damaged archive. */
export const damagedRemedy = 'The archive is damaged or was altered: fetch or write it again.';
