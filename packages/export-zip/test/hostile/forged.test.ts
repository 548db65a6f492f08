import { memorySink } from '@tamp/core';
import { deflateSync, zipSync } from 'fflate';
import { beforeAll, describe, expect, it } from 'vitest';
import { openArchive } from '../../src/index.js';
import { createPartsWriter } from '../../src/write/parts-writer.js';
import { readDirectory } from '../../src/zip/read-directory.js';
import { archiveOf, contentsOf } from '../models/contents.js';
import { everyStorage } from '../models/every-storage.js';
import { type Files, forge, reseal, source, takeApart } from './forge.js';

type Json = ReturnType<typeof JSON.parse>;

let archive: Uint8Array<ArrayBuffer>;
let files: Files;
let manifest: Uint8Array;
beforeAll(async () => {
  archive = await archiveOf(everyStorage());
  ({ files, manifest } = takeApart(archive));
});

const encode = (json: Json): Uint8Array => new TextEncoder().encode(JSON.stringify(json));
const named = (json: Json, name: string): Json =>
  json.parameters.find((item: Json) => item.name === name).encoding;

/** Opens an archive and reads everything. */
async function readAllOf(bytes: Uint8Array, limits = {}): Promise<unknown> {
  return contentsOf(await openArchive(source(bytes), { limits }));
}

describe('a forged archive whose checksums are all right', () => {
  it('is accepted when it says what the original says', async () => {
    expect(await readAllOf(await forge(files, manifest))).toEqual(await contentsOf(everyStorage()));
  });

  const manifests: readonly [string, RegExp, (json: Json) => Json][] = [
    ['an unknown field', /malformed manifest/, (json) => ({ ...json, script: 'x' })],
    ['another version', /malformed manifest at version/, (json) => ({ ...json, version: 2 })],
    ['a list as configuration', /at config: is not an object/, (json) => ({ ...json, config: [] })],
    [
      'an unknown operator',
      /no operator named evil/,
      (json) => {
        json.graph.nodes.find((node: Json) => node.kind === 'operator').operator = 'evil';
        return json;
      },
    ],
    [
      'a parameter twice',
      /lists the parameter twice/,
      (json) => {
        json.parameters.push(json.parameters[0]);
        return json;
      },
    ],
    [
      'an entry twice',
      /lists the entry .* twice/,
      (json) => {
        json.entries.push(json.entries[0]);
        return json;
      },
    ],
    [
      'an asset outside the folder',
      /holds a \. or \.\. step/,
      (json) => {
        json.assets[0].path = '../../etc/passwd';
        return json;
      },
    ],
    [
      'the manifest as an entry',
      /lists the entry manifest\.json twice/,
      (json) => {
        json.entries[0].name = 'manifest.json';
        return json;
      },
    ],
    [
      'a missing entry',
      /lacks the entry p\/9/,
      (json) => {
        json.entries[0].name = 'p/9';
        return json;
      },
    ],
    [
      'an entry of another size',
      /bytes, not/,
      (json) => {
        json.entries[0].bytes++;
        return json;
      },
    ],
    [
      'an entry nobody uses',
      /no parameter uses the entry p\/100/,
      (json) => {
        json.entries.push({ ...json.entries[0], name: 'p/100' });
        return json;
      },
    ],
    [
      'a shape larger than its bytes',
      /which the shape \[1048576, 1048576\] does not allow/,
      (json) => {
        json.parameters[0].shape = [2 ** 20, 2 ** 20];
        return json;
      },
    ],
    [
      'a shape beyond counting',
      /is too large/,
      (json) => {
        json.parameters[0].shape = [2 ** 40, 2 ** 40];
        return json;
      },
    ],
    [
      'a shape that the graph does not expect',
      /but the graph expects/,
      (json) => {
        json.parameters.find((item: Json) => item.name === 'brain.weight').shape = [16, 64];
        return json;
      },
    ],
    [
      'a stream beyond its entry',
      /a stream reaches beyond/,
      (json) => {
        named(json, 'half.weight').values.offset = 2 ** 40;
        return json;
      },
    ],
    [
      'a stream in an entry that is not there',
      /names entries that the manifest lacks/,
      (json) => {
        named(json, 'half.weight').values.entry = 2 ** 40;
        return json;
      },
    ],
    [
      'chunks of another size',
      /holds \d+ bytes, not 500/,
      (json) => {
        Object.assign(named(json, 'half.weight').values, { chunk: 500, entry: 0, offset: 0 });
        return json;
      },
    ],
    [
      'a group size that does not divide',
      /does not divide/,
      (json) => {
        named(json, 'group.weight').scheme.granularity.groupSize = 7;
        return json;
      },
    ],
    [
      'zero points of a symmetric scheme',
      /has zeroPoints, which its encoding has not/,
      (json) => {
        named(json, 'tied').scheme.symmetric = true;
        return json;
      },
    ],
    [
      'no zero points',
      /lacks its zeroPoints/,
      (json) => {
        delete named(json, 'tied').zeroPoints;
        return json;
      },
    ],
    [
      'another digest',
      /does not have the SHA-256/,
      (json) => {
        json.entries[0].sha256 = '0'.repeat(64);
        return json;
      },
    ],
    [
      'planes that do not divide',
      /does not divide into 4 planes|planes/,
      (json) => {
        json.entries[0].planes = 3;
        return json;
      },
    ],
    [
      'a configuration nested without end',
      /nested \d+ deep/,
      (json) => {
        let deep: unknown = 1;
        for (let i = 0; i < 500; i++) deep = [deep];
        return { ...json, config: { deep } };
      },
    ],
    [
      'millions of values',
      /holds \d+ values/,
      (json) => ({ ...json, config: { list: new Array(2e6).fill(0) } }),
    ],
  ];
  it.each(manifests)('is refused with %s in the manifest', async (_what, message, change) => {
    const forged = await forge(files, encode(change(JSON.parse(new TextDecoder().decode(manifest)))));
    await expect(readAllOf(forged)).rejects.toMatchObject({
      name: 'TampError',
      message: expect.stringMatching(message),
    });
  });

  const contents: readonly [string, RegExp, (files: Files) => Files][] = [
    [
      'an entry the manifest does not list',
      /that the manifest does not list/,
      (all) => [...all, ['p/77', new Uint8Array(3)]],
    ],
    ['an entry twice', /is there twice/, (all) => [...all, all[0]]],
    ['an absolute name', /is absolute/, (all) => [...all, ['/etc/passwd', new Uint8Array(1)]]],
    [
      'a name that leaves the folder',
      /holds a \. or \.\. step/,
      (all) => [...all, ['assets/../../x', new Uint8Array(1)]],
    ],
    ['a backslash in a name', /backslash/, (all) => [...all, ['assets\\x', new Uint8Array(1)]]],
    ['a drive in a name', /colon/, (all) => [...all, ['C:x', new Uint8Array(1)]]],
    ['a control character in a name', /control character/, (all) => [...all, ['a\0b', new Uint8Array(1)]]],
    ['an entry missing', /lacks the entry/, (all) => all.slice(1)],
  ];
  it.each(contents)('is refused with %s', async (_what, message, change) => {
    await expect(readAllOf(await forge(change(files), manifest))).rejects.toMatchObject({
      name: 'TampError',
      message: expect.stringMatching(message),
    });
  });

  it('is refused when the manifest is no JSON, no UTF-8 or missing', async () => {
    await expect(readAllOf(await forge(files, new TextEncoder().encode('{"a":')))).rejects.toThrow(
      /not JSON/,
    );
    await expect(readAllOf(await forge(files, Uint8Array.of(0x22, 0xff, 0x22)))).rejects.toThrow(/not JSON/);
    await expect(readAllOf(zipSync({}))).rejects.toThrow(/not a tamp archive/);
  });

  it('is refused when the manifest or an asset is larger than the limit', async () => {
    await expect(readAllOf(archive, { manifestBytes: 100 })).rejects.toThrow(/larger than the limit of 100/);
    await expect(readAllOf(archive, { assetBytes: 100 })).rejects.toThrow(/larger than the limit of 100/);
  });
});

describe('an archive with forged ZIP headers', () => {
  /** Changes a field at the same place of the central and the local header of an entry. */
  async function withField(name: string, central: number, width: 2 | 4, value: number): Promise<Uint8Array> {
    const { entries, bytes } = await readDirectory(source(archive));
    const changed = archive.slice();
    const view = new DataView(changed.buffer);
    const comment = `tamp 1 ${'0'.repeat(64)}`.length;
    let at = archive.length - 22 - comment - bytes.length;
    for (const entry of entries) {
      if (entry.name === name) {
        // The local header lacks `version made by`, 2 bytes.
        for (const field of [at + central, entry.offset + central - 2]) {
          if (width === 2) view.setUint16(field, value, true);
          else view.setUint32(field, value, true);
        }
      }
      at += 46 + new TextEncoder().encode(entry.name).length;
    }
    return reseal(changed, manifest);
  }

  const fields: readonly [string, RegExp, [number, 2 | 4, number]][] = [
    ['encryption', /is encrypted/, [8, 2, 0x0801]],
    ['an unknown method', /unknown method 12/, [10, 2, 12]],
    ['sizes after the data', /not as tamp writes it/, [8, 2, 0x0808]],
    ['a time stamp', /not as tamp writes it/, [12, 2, 7]],
    ['a later version', /not as tamp writes it/, [6, 2, 45]],
    ['an extra field', /not as tamp writes it|damaged/, [30, 2, 4]],
    ['a size beyond what DEFLATE can give', /cannot hold 4294967294 bytes/, [24, 4, 2 ** 32 - 2]],
    ['another size', /bytes, not|cannot hold/, [24, 4, 1000]],
    ['data that reaches into the next entry', /does not follow|overlaps/, [20, 4, 100]],
  ];
  it.each(fields)('is refused with %s', async (_what, message, [central, width, value]) => {
    await expect(
      readAllOf(await withField('assets/tokenizer.json', central, width, value)),
    ).rejects.toMatchObject({
      name: 'TampError',
      message: expect.stringMatching(message),
    });
  });

  it('is refused as another version, before anything else is judged', async () => {
    const other = archive.slice();
    other.set(new TextEncoder().encode('2'), archive.length - 64 - 2);
    await expect(readAllOf(other)).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(/version 2; this release reads version 1/),
    });
  });

  it('is refused when an entry inflates to more than it declares', async () => {
    const sink = memorySink();
    const parts = createPartsWriter(async () => sink, 4_000_000_000);
    for (const [name, contents] of files) {
      const isAsset = name === 'assets/tokenizer.json';
      // 1000 times as much as the asset has, in fewer bytes than it has.
      const data = isAsset ? deflateSync(new Uint8Array(300_000), { level: 9 }) : contents;
      await parts.add(name, { contents, data, method: isAsset ? 8 : 0 });
    }
    await parts.finish(manifest, { contents: manifest, data: manifest, method: 0 });
    await expect(readAllOf(sink.bytes())).rejects.toThrow(
      /tokenizer\.json does not inflate to its 380 bytes/,
    );
  });

  it('says what to do about a ZIP that another program wrote', async () => {
    const { 'manifest.json': _, ...rest } = Object.fromEntries(files) as Record<string, Uint8Array>;
    await expect(readAllOf(zipSync({ ...rest, 'manifest.json': manifest }))).rejects.toThrow(
      /not as tamp writes it|not a tamp archive/,
    );
  });
});
