import { type ByteSource, type Model, memorySink, type Parameter, readAll } from '@tamp/core';
import { type WriteArchiveOptions, writeArchive } from '../../src/index.js';

/** The sources of a parameter's storage by what they hold. */
export function sourcesOf({ storage }: Parameter): Readonly<Record<string, ByteSource>> {
  switch (storage.kind) {
    case 'dense':
      return { values: storage.bytes };
    case 'affine': {
      const { levels, scales, zeroPoints } = storage;
      return { levels, scales: scales.bytes, ...(zeroPoints === undefined ? {} : { zeroPoints }) };
    }
    case 'mixed-bits':
      return { codes: storage.codes, levels: storage.levels };
  }
}

async function textOf(source: ByteSource): Promise<string> {
  return Buffer.from(await readAll(source)).toString('base64');
}

/** Everything a model holds as plain data, so that two models can be compared; reads every byte. */
export async function contentsOf(model: Model): Promise<unknown> {
  const parameters = [];
  for (const parameter of model.parameters.values()) {
    const streams: Record<string, string> = {};
    for (const [role, source] of Object.entries(sourcesOf(parameter))) streams[role] = await textOf(source);
    const { name, shape, storage } = parameter;
    // Sources hold functions, which plain data drops.
    const encoding = JSON.parse(JSON.stringify(storage, (_, item) => (item?.read ? undefined : item)));
    parameters.push({ name, shape, encoding, streams });
  }
  const assets = [];
  for (const [path, source] of model.assets) assets.push([path, await textOf(source)]);
  const { graph, architecture, config } = model;
  return { graph, architecture, config, parameters, assets };
}

/** A model as an archive of one part in memory. */
export async function archiveOf(
  model: Model,
  options?: WriteArchiveOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const sink = memorySink();
  await writeArchive(model, async () => sink, options);
  return sink.bytes();
}

/** A source that records the ranges read from it. */
export function recorded(source: ByteSource): { source: ByteSource; reads: [number, number][] } {
  const reads: [number, number][] = [];
  return {
    reads,
    source: {
      ...source,
      read(start, end) {
        reads.push([start, end]);
        return source.read(start, end);
      },
    },
  };
}
