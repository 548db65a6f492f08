import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fillSink } from '../bytes/byte-sink.js';
import { type ByteSource, bytesOf, readAll, sliceOf } from '../bytes/byte-source.js';
import { fileError } from '../bytes/file-error.js';
import { makeFolder } from '../bytes/file-folder.js';
import { fileSink } from '../bytes/file-sink.js';
import { type FileSource, fileSource } from '../bytes/file-source.js';
import { TampError } from '../errors/tamp-error.js';
import type { AttributeValue, ValueDtype } from '../graph/graph.js';
import { graphFromJson, graphToJson } from '../graph/json.js';
import type { LayerReport } from '../model/model-editor.js';
import type { Parameter } from '../parameters/parameter.js';
import type { Checkpoint, CheckpointStore, SavedValue } from './checkpoint.js';
import { openParameter, type StoredParameter, storeParameter } from './stored-parameter.js';
import type { StoredRange } from './stored-range.js';

const version = 3;
const stateFile = 'state.json';

interface StoredFile {
  readonly bytes: number;
  readonly sha256: string;
}

/** What `state.json` holds. The file is covered by its own digest, and names the digests of the others. */
interface StoredState {
  readonly version: number;
  /** How many were saved so far, this one included. */
  readonly serial: number;
  readonly next: number;
  readonly graph: unknown;
  readonly parameters: readonly StoredParameter[];
  readonly finished: readonly string[];
  readonly removed: readonly string[];
  readonly values: readonly (Omit<SavedValue, 'read'> & {
    readonly range: StoredRange;
    readonly dtype: ValueDtype;
  })[];
  readonly layers: readonly LayerReport[];
  readonly states: readonly AttributeValue[];
  readonly files: Readonly<Record<string, StoredFile>>;
}

const pieceBytes = 8 * 2 ** 20;

function damaged(folder: string, cause?: unknown): TampError {
  return new TampError('the checkpoint is damaged', {
    code: 'format',
    at: { file: folder },
    remedy: 'Run again without resuming: that starts from the beginning.',
    ...(cause === undefined ? {} : { cause }),
  });
}

async function digestOf(source: ByteSource): Promise<string> {
  const hash = createHash('sha256');
  for (let start = 0; start < source.byteLength; start += pieceBytes) {
    hash.update(await source.read(start, Math.min(source.byteLength, start + pieceBytes)));
  }
  return hash.digest('hex');
}

/** Writes one file of byte ranges; under its name only when whole. */
async function writeFileOf(
  folder: string,
  file: string,
  fill: (write: (source: ByteSource) => Promise<StoredRange>) => Promise<void>,
): Promise<StoredFile> {
  const hash = createHash('sha256');
  let bytes = 0;
  await fillSink(await fileSink(join(folder, file)), async (sink) => {
    await fill(async (source) => {
      const start = bytes;
      for (let from = 0; from < source.byteLength; from += pieceBytes) {
        const piece = await source.read(from, Math.min(source.byteLength, from + pieceBytes));
        hash.update(piece);
        await sink.write(piece);
        bytes += piece.byteLength;
      }
      return { file, start, end: bytes };
    });
  });
  return { bytes, sha256: hash.digest('hex') };
}

/**
 * Keeps checkpoints in a folder, which is made when the first one is saved and removed by `clear`. A crash at any
 * moment leaves the last whole checkpoint: files are written under temporary names, synced and renamed, the one that
 * names all others last. Loading checks every file's digest.
 */
export function checkpointFolder(folder: string): CheckpointStore {
  const opened = new Map<string, FileSource>();
  const known = new Map<Parameter, StoredParameter>();
  let files: Readonly<Record<string, StoredFile>> = {};
  let serial = 0;

  const close = async (): Promise<void> => {
    for (const source of opened.values()) await source.close();
    opened.clear();
  };
  const open = ({ file, start, end }: StoredRange): ByteSource => {
    const source = opened.get(file);
    if (source === undefined) throw damaged(folder);
    return sliceOf(source, start, end);
  };

  return {
    close,
    async load() {
      let text: string;
      try {
        text = await readFile(join(folder, stateFile), 'utf8');
      } catch (cause) {
        if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
        throw fileError(cause, join(folder, stateFile), 'cannot be read');
      }
      try {
        const [digest, body] = [text.slice(0, 64), text.slice(65)];
        if (createHash('sha256').update(body).digest('hex') !== digest)
          throw new Error('digest of the state');
        const state: StoredState = JSON.parse(body);
        if (state.version !== version) throw new Error(`version ${state.version}`);
        for (const [name, { bytes, sha256 }] of Object.entries(state.files)) {
          const source = await fileSource(join(folder, name));
          opened.set(name, source);
          if (source.byteLength !== bytes || (await digestOf(source)) !== sha256) throw new Error(name);
        }
        files = state.files;
        serial = state.serial;
        const parameters = state.parameters.map((stored) => {
          const parameter = openParameter(stored, open);
          known.set(parameter, stored);
          return parameter;
        });
        return {
          next: state.next,
          graph: graphFromJson(state.graph),
          parameters,
          finished: state.finished,
          removed: state.removed,
          values: state.values.map(({ range, ...value }) => ({ ...value, read: () => readAll(open(range)) })),
          layers: state.layers,
          states: state.states,
        };
      } catch (cause) {
        await close();
        throw damaged(folder, cause);
      }
    },
    async save(checkpoint: Checkpoint) {
      await makeFolder(folder);
      // Never the name of a file that the last one needs.
      const [weights, values] = [`weights-${serial + 1}.bin`, `values-${serial + 1}.bin`];
      const fresh = checkpoint.parameters.filter((parameter) => !known.has(parameter));
      const stored = new Map<Parameter, StoredParameter>();
      const written: Record<string, StoredFile> = {};
      if (fresh.length > 0) {
        written[weights] = await writeFileOf(folder, weights, async (write) => {
          for (const parameter of fresh) stored.set(parameter, await storeParameter(parameter, write));
        });
      }
      const savedValues: StoredState['values'][number][] = [];
      if (checkpoint.values.length > 0) {
        written[values] = await writeFileOf(folder, values, async (write) => {
          for (const { users, shape, dtype, read } of checkpoint.values) {
            savedValues.push({ users, shape, dtype, range: await write(bytesOf(await read())) });
          }
        });
      }
      for (const [parameter, description] of stored) known.set(parameter, description);
      const parameters = checkpoint.parameters.flatMap((parameter) => known.get(parameter) ?? []);
      const kept = new Set(parameters.flatMap(({ storage }) => rangesOf(storage)));
      const next: Record<string, StoredFile> = { ...written };
      for (const [name, file] of Object.entries(files)) if (kept.has(name)) next[name] = file;
      const state: StoredState = {
        version,
        serial: serial + 1,
        next: checkpoint.next,
        graph: JSON.parse(graphToJson(checkpoint.graph)),
        parameters,
        finished: checkpoint.finished,
        removed: checkpoint.removed,
        values: savedValues,
        layers: checkpoint.layers,
        states: checkpoint.states,
        files: next,
      };
      const body = JSON.stringify(state);
      const digest = createHash('sha256').update(body).digest('hex');
      await fillSink(await fileSink(join(folder, stateFile)), (sink) =>
        sink.write(new TextEncoder().encode(`${digest}\n${body}`)),
      );
      const old = Object.keys(files).filter((name) => next[name] === undefined);
      files = next;
      serial++;
      for (const name of old) {
        await opened.get(name)?.close();
        opened.delete(name);
        await rm(join(folder, name), { force: true });
      }
    },
    async clear() {
      await close();
      files = {};
      serial = 0;
      known.clear();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Files that a storage's bytes lie in. */
function rangesOf(storage: StoredParameter['storage']): readonly string[] {
  switch (storage.kind) {
    case 'dense':
      return [storage.bytes.file];
    case 'affine':
      return [storage.levels.file];
    case 'mixed-bits':
      return [storage.levels.file];
  }
}
