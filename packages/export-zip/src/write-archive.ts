import type { ByteSink, Model } from '@tamp/core';
import { crc32 } from './checksum/crc32.js';
import type { ArchiveTools, PackingOptions, WritingOptions } from './write/archive-options.js';
import { createArchiveWriter, type WrittenArchive } from './write/archive-writer.js';
import { checkModel } from './write/check-model.js';

/** Options of {@link writeArchive}. */
export interface WriteArchiveOptions extends PackingOptions, WritingOptions {}

/**
 * Writes a model as a `.tamp.zip`. Parameters are streamed: at most three chunks of up to 8 MiB are in memory at a
 * time. `openPart(0)` gives the sink of the archive and `openPart(1)`, … those of further parts, asked for only when
 * the model does not fit one. All are finished at the end, the first one last, or all aborted.
 *
 * The same model gives the same bytes. Throws a `TampError`: `data` for a model that an archive cannot hold, `usage`
 * for an impossible `partBytes`, `io` from sources and sinks; or the signal's reason.
 */
export function writeArchive(
  model: Model,
  openPart: (index: number) => Promise<ByteSink>,
  options: WriteArchiveOptions = {},
): Promise<WrittenArchive> {
  return writeArchiveWith(model, openPart, options, { crc32 });
}

/** {@link writeArchive} with what the platform has. */
export async function writeArchiveWith(
  model: Model,
  openPart: (index: number) => Promise<ByteSink>,
  options: WriteArchiveOptions,
  tools: ArchiveTools,
): Promise<WrittenArchive> {
  const writer = createArchiveWriter(openPart, checkModel(model), options, tools);
  return writer.finish(model, new Map(), options);
}
