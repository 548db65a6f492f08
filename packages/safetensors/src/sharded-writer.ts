import { type ByteSink, TampError } from '@tamp/core';
import {
  compareNames,
  fillFile,
  planFile,
  type SafetensorsEntry,
  type SizedEntry,
  sizeEntries,
  type WriteOptions,
} from './writer.js';

/** Options of {@link writeSharded}. */
export interface ShardOptions extends WriteOptions {
  /**
   * The most bytes of tensors in a file; a larger tensor gets a file of its own. Default 5,000,000,000, as in
   * transformers.
   */
  readonly maxShardBytes?: number;
}

/** What {@link writeSharded} wrote. */
export interface ShardedFiles {
  /** The safetensors files, in the order of their tensors. */
  readonly files: readonly string[];
  /** The name of the index; undefined when one file was enough. */
  readonly index: string | undefined;
  /** Bytes of all tensors. */
  readonly tensorBytes: number;
}

/** Fills shards one after the other in the order of the entries. */
function splitIntoShards(sized: readonly SizedEntry[], maxShardBytes: number): SizedEntry[][] {
  const shards: SizedEntry[][] = [];
  let current: SizedEntry[] = [];
  let currentBytes = 0;
  for (const one of sized) {
    if (current.length > 0 && currentBytes + one.byteLength > maxShardBytes) {
      shards.push(current);
      current = [];
      currentBytes = 0;
    }
    current.push(one);
    currentBytes += one.byteLength;
  }
  if (current.length > 0 || shards.length === 0) shards.push(current);
  return shards;
}

/** The index as transformers writes it: sorted keys, two spaces. */
function indexText(files: ReadonlyMap<string, string>, tensorBytes: number): string {
  const lines = [...files]
    .sort(([a], [b]) => compareNames(a, b))
    .map(([name, file]) => `    ${JSON.stringify(name)}: ${JSON.stringify(file)}`);
  return `{\n  "metadata": {\n    "total_size": ${tensorBytes}\n  },\n  "weight_map": {\n${lines.join(',\n')}\n  }\n}\n`;
}

/**
 * Writes a checkpoint as `model.safetensors` or, when that would exceed `maxShardBytes`, as
 * `model-00001-of-0000N.safetensors` and so on with `model.safetensors.index.json`. Entries keep their order over
 * the files. `openSink` opens a file of the folder for writing. No file becomes visible before the data of all is
 * written, and the index comes last, so a folder without an index holds no half checkpoint. The folder should be
 * empty: readers prefer a `model.safetensors` that lies there already.
 *
 * Rejects as {@link writeSafetensors} does; sinks that are not finished are aborted.
 */
export async function writeSharded(
  openSink: (name: string) => Promise<ByteSink>,
  entries: readonly SafetensorsEntry[],
  options: ShardOptions = {},
): Promise<ShardedFiles> {
  const maxShardBytes = options.maxShardBytes ?? 5_000_000_000;
  if (!(maxShardBytes > 0)) {
    throw new TampError(`maxShardBytes is ${maxShardBytes}`, {
      code: 'usage',
      remedy: 'Give a positive number of bytes.',
    });
  }
  const sized = sizeEntries(entries);
  const plans = splitIntoShards(sized, maxShardBytes).map((shard) => planFile(shard, options));
  const tensorBytes = sized.reduce((sum, one) => sum + one.byteLength, 0);
  const number = (n: number): string => String(n).padStart(5, '0');
  const names = plans.map((_, i) =>
    plans.length === 1
      ? 'model.safetensors'
      : `model-${number(i + 1)}-of-${number(plans.length)}.safetensors`,
  );

  const open: ByteSink[] = [];
  const fileOf = new Map<string, string>();
  const index = plans.length === 1 ? undefined : 'model.safetensors.index.json';
  try {
    for (const [i, plan] of plans.entries()) {
      const name = names[i] ?? '';
      const sink = await openSink(name);
      open.push(sink);
      await fillFile(sink, plan);
      for (const { entry } of plan.entries) fileOf.set(entry.name, name);
    }
    if (index !== undefined) {
      const sink = await openSink(index);
      open.push(sink);
      await sink.write(new TextEncoder().encode(indexText(fileOf, tensorBytes)));
    }
    for (const sink of [...open]) {
      await sink.finish();
      open.shift();
    }
  } catch (error) {
    for (const sink of open) await sink.abort();
    throw error;
  }
  return { files: names, index, tensorBytes };
}
