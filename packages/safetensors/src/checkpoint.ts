import { type ByteSource, readAll, TampError } from '@tamp/core';
import { defaultMaxHeaderBytes, type SafetensorsInfo } from './header.js';
import { decodeUtf8, JsonCursor, quoted } from './json-cursor.js';
import { noSuchTensor, type OpenOptions, openSafetensors, type SafetensorsFile } from './safetensors-file.js';

/** What a checkpoint says about one tensor. */
export interface CheckpointTensor extends SafetensorsInfo {
  /** The file that holds it. */
  readonly file: string;
}

/** One view of the tensors of a model, in one file or several. */
export interface Checkpoint {
  /** The names of its safetensors files. */
  readonly files: readonly string[];
  /** The metadata of all files; where they disagree, the first file's. */
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  /** Tensors that a shard holds but the index does not map to it. They are not part of `tensors`. */
  readonly unmapped: readonly { readonly name: string; readonly file: string }[];
  /** A tensor's bytes, read when asked for. Throws a `TampError` (`usage`) when there is no such tensor. */
  tensor(name: string): ByteSource;
}

/** Opens a file of the checkpoint's folder by its name; undefined when there is none. */
export type OpenFile = (name: string) => Promise<ByteSource | undefined>;

/** Options of {@link openCheckpoint}. */
export interface CheckpointOptions extends OpenOptions {
  /**
   * The file to begin with: a safetensors file, or an index (a name that ends in `.json`). By default
   * `model.safetensors`, or `model.safetensors.index.json` where there is no such file.
   */
  readonly entry?: string;
  /** What to call the folder in errors. */
  readonly label?: string;
}

const singleFile = 'model.safetensors';
const indexFile = 'model.safetensors.index.json';

/** Tensors in an index above which it is refused; the largest checkpoints have some 200,000. */
const maxIndexKeys = 1_000_000;

/** Shards whose headers are read at the same time. */
const concurrency = 8;

/**
 * Whether a name can only mean a file in the folder itself, on any system: no separators, drives, streams,
 * control characters, and no leading dot.
 */
function isPlainName(name: string): boolean {
  return name.length > 0 && name.length <= 255 && !/[/\\:<>"|?*]|^\.|[. ]$|\p{Cc}/u.test(name);
}

/** Parses an index: the file of each tensor. */
function parseIndex(bytes: Uint8Array, label: string): Map<string, string> {
  const what = 'the index';
  const remedy = 'Fetch or write the index again.';
  const cursor = new JsonCursor(decodeUtf8(bytes, label, what), label, what);
  let map: Map<string, string> | undefined;
  if (cursor.peek() !== 'object') throw cursor.error('the index is not a JSON object', remedy);
  cursor.object((key) => {
    if (key !== 'weight_map') {
      cursor.skip();
      return;
    }
    if (map !== undefined) throw cursor.error('the index has weight_map twice', remedy);
    if (cursor.peek() !== 'object') throw cursor.error('its weight_map is not an object', remedy);
    const found = new Map<string, string>();
    cursor.object((name) => {
      if (found.size === maxIndexKeys) {
        throw cursor.error(`its weight_map has more than ${maxIndexKeys} tensors`, remedy);
      }
      if (found.has(name)) throw cursor.error('its weight_map has this tensor twice', remedy, name);
      if (cursor.peek() !== 'string') {
        throw cursor.error('its weight_map gives no file name for it', remedy, name);
      }
      const file = cursor.string();
      if (!isPlainName(file)) {
        throw cursor.error(
          `its weight_map leads to ${quoted(file)}, which is not the plain name of a file in its folder`,
          'Do not use this checkpoint unless you trust it; put all shards beside the index.',
          name,
        );
      }
      found.set(name, file);
    });
    map = found;
  });
  cursor.end();
  if (map === undefined) throw cursor.error('the index lacks weight_map', remedy);
  return map;
}

function asCheckpoint(
  label: string,
  shards: ReadonlyMap<string, SafetensorsFile>,
  tensors: ReadonlyMap<string, CheckpointTensor>,
  unmapped: Checkpoint['unmapped'],
): Checkpoint {
  const metadata = new Map<string, string>();
  for (const shard of shards.values()) {
    for (const [key, value] of shard.metadata) if (!metadata.has(key)) metadata.set(key, value);
  }
  return {
    files: [...shards.keys()],
    metadata,
    tensors,
    unmapped,
    tensor(name) {
      const info = tensors.get(name);
      const shard = info === undefined ? undefined : shards.get(info.file);
      if (shard === undefined) throw noSuchTensor(name, label, tensors.size);
      return shard.tensor(name);
    },
  };
}

async function openShards(
  openFile: OpenFile,
  names: readonly string[],
  indexLabel: string,
  options: CheckpointOptions,
): Promise<Map<string, SafetensorsFile>> {
  const shards = new Map<string, SafetensorsFile>();
  for (let first = 0; first < names.length; first += concurrency) {
    const batch = names.slice(first, first + concurrency);
    // All settle before one throws, so that no file is opened after the caller was told of the failure.
    const outcomes = await Promise.allSettled(
      batch.map(async (name) => {
        const source = await openFile(name);
        if (source === undefined) {
          throw new TampError(`its shard ${quoted(name)} is missing`, {
            code: 'format',
            at: { file: indexLabel },
            remedy: 'Fetch the shard, or the whole checkpoint again.',
          });
        }
        return openSafetensors(source, options);
      }),
    );
    for (const [i, outcome] of outcomes.entries()) {
      if (outcome.status === 'rejected') throw outcome.reason;
      shards.set(batch[i] ?? '', outcome.value);
    }
  }
  return shards;
}

async function openSharded(
  openFile: OpenFile,
  index: ByteSource,
  options: CheckpointOptions,
): Promise<Checkpoint> {
  const limit = options.maxHeaderBytes ?? defaultMaxHeaderBytes;
  if (index.byteLength > limit) {
    throw new TampError(`the index has ${index.byteLength} bytes, more than the ${limit} allowed`, {
      code: 'format',
      at: { file: index.label },
      remedy: 'It is damaged or no index: check what it is.',
    });
  }
  const map = parseIndex(await readAll(index), index.label);
  const shards = await openShards(openFile, [...new Set(map.values())].sort(), index.label, options);

  const tensors = new Map<string, CheckpointTensor>();
  for (const [name, file] of map) {
    const info = shards.get(file)?.tensors.get(name);
    if (info === undefined) {
      throw new TampError(`the index places this tensor in ${quoted(file)}, which lacks it`, {
        code: 'format',
        at: { file: index.label, layer: name },
        remedy: 'The index and the shards are of different checkpoints: fetch them together again.',
      });
    }
    tensors.set(name, { ...info, file });
  }
  const unmapped = [...shards].flatMap(([file, shard]) =>
    [...shard.tensors.keys()].filter((name) => map.get(name) !== file).map((name) => ({ name, file })),
  );
  return asCheckpoint(index.label, shards, tensors, unmapped);
}

/**
 * Opens the checkpoint of a folder: one safetensors file, or the shards that an index lists. Headers are read
 * now, tensors when asked for. `openFile` opens a file of the folder by its name; an index can only make it open
 * plain names in that folder.
 *
 * Rejects with a `TampError`: `io` when the folder has no checkpoint, `format` when the index or a shard is
 * damaged, a shard is missing, or a shard lacks a tensor that the index places in it.
 */
export async function openCheckpoint(
  openFile: OpenFile,
  options: CheckpointOptions = {},
): Promise<Checkpoint> {
  const names = options.entry === undefined ? [singleFile, indexFile] : [options.entry];
  for (const name of names) {
    const source = await openFile(name);
    if (source === undefined) continue;
    if (name.endsWith('.json')) return openSharded(openFile, source, options);
    const file = await openSafetensors(source, options);
    const tensors = new Map([...file.tensors].map(([key, info]) => [key, { ...info, file: name }]));
    return asCheckpoint(file.label, new Map([[name, file]]), tensors, []);
  }
  throw new TampError(`there is no ${names.join(' and no ')}`, {
    code: 'io',
    at: options.label === undefined ? {} : { file: options.label },
    remedy: 'Check the folder, or convert the model to safetensors first.',
  });
}
