import { isTampError, Random } from '@tamp/core';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { openArchive } from '../../src/index.js';
import { archiveOf, contentsOf } from '../models/contents.js';
import { everyStorage } from '../models/every-storage.js';
import { type Files, forge, inSmallChunks, source, storing, takeApart } from './forge.js';

type Json = ReturnType<typeof JSON.parse>;

/** Bytes of all byte arrays made since the last reset. */
let allocated = 0;

function countAllocations(): void {
  const original = Uint8Array;
  const counting: typeof Uint8Array = new Proxy(original, {
    construct(target, args, newTarget) {
      if (typeof args[0] === 'number') allocated += args[0];
      return Reflect.construct(target, args, newTarget === counting ? target : newTarget);
    },
  });
  vi.stubGlobal('Uint8Array', counting);
}

const archives: Uint8Array<ArrayBuffer>[] = [];
const apart: { files: Files; manifest: string }[] = [];
beforeAll(async () => {
  archives.push(await archiveOf(everyStorage()), await inSmallChunks(everyStorage(), 300));
  for (const archive of archives) {
    const { files, manifest } = takeApart(archive);
    apart.push({ files, manifest: new TextDecoder().decode(manifest) });
  }
});
afterEach(() => {
  vi.unstubAllGlobals();
});

/** Opens an archive and reads everything. Anything but a typed error passes through. */
async function outcome(archive: Uint8Array): Promise<'opened' | 'refused'> {
  allocated = 0;
  try {
    await contentsOf(await openArchive(source(archive)));
    return 'opened';
  } catch (error) {
    if (isTampError(error)) return 'refused';
    throw error;
  } finally {
    // The archives hold 10 kB; everything that is not declared by a size is capped.
    expect(allocated).toBeLessThan(64 * 2 ** 20);
  }
}

/** Runs `count` seeded mutations; a failure names its seed. */
async function mutate(
  count: number,
  mutation: (random: Random) => Promise<Uint8Array>,
): Promise<Record<'opened' | 'refused', number>> {
  countAllocations();
  const outcomes = { opened: 0, refused: 0 };
  for (let seed = 0; seed < count; seed++) {
    try {
      outcomes[await outcome(await mutation(new Random(seed)))]++;
    } catch (cause) {
      throw new Error(`seed ${seed}`, { cause });
    }
  }
  return outcomes;
}

/** Damage as disks, transfers and fuzzers do it: bytes set, runs copied, removed or repeated. */
function damaged(bytes: Uint8Array, random: Random): Uint8Array {
  let result: Uint8Array = bytes.slice();
  for (let n = random.integer(4); n >= 0; n--) {
    const at = random.integer(result.length);
    const length = Math.min(result.length - at, 1 + random.integer(64));
    switch (random.integer(5)) {
      case 0:
        result[at] = random.integer(256);
        break;
      case 1:
        result[at] = [0, 1, 0x7f, 0x80, 0xff][random.integer(5)];
        break;
      case 2:
        result.copyWithin(random.integer(result.length), at, at + length);
        break;
      case 3:
        result = Uint8Array.of(...result.subarray(0, at), ...result.subarray(at + length));
        break;
      default:
        result = Uint8Array.of(...result.subarray(0, at + length), ...result.subarray(at));
    }
    if (result.length === 0) return result;
  }
  return result;
}

/** Every place of a document: a container and a key. */
function places(json: Json, found: [Json, string | number][] = []): [Json, string | number][] {
  if (typeof json !== 'object' || json === null) return found;
  for (const key of Array.isArray(json) ? json.keys() : Object.keys(json)) {
    found.push([json, key]);
    places(json[key], found);
  }
  return found;
}

const hostileValues: readonly Json[] = [
  null,
  true,
  -1,
  0,
  1,
  0.5,
  255,
  65_536,
  2 ** 31,
  2 ** 32,
  2 ** 53 - 1,
  1e308,
  '',
  'x',
  'x'.repeat(3000),
  'a.'.repeat(500),
  '../x',
  '__proto__',
  'constructor',
  [],
  {},
  [[[[[[]]]]]],
  [1e9, 1e9],
  { kind: 'dense' },
];

/** One to three places of a manifest changed: hostile values, values from elsewhere, removals, small steps. */
function changed(text: string, random: Random): Json {
  const json = JSON.parse(text);
  for (let n = random.integer(3); n >= 0; n--) {
    const all = places(json);
    const [container, key] = all[random.integer(all.length)];
    const [elsewhere, other] = all[random.integer(all.length)];
    switch (random.integer(5)) {
      case 0:
        container[key] = structuredClone(hostileValues[random.integer(hostileValues.length)]);
        break;
      case 1:
        container[key] = structuredClone(elsewhere[other]);
        break;
      case 2:
        if (Array.isArray(container)) container.splice(Number(key), 1);
        else delete container[key];
        break;
      case 3:
        if (Array.isArray(container)) container.push(structuredClone(container[Number(key)]));
        else container[`${key}x`] = container[key];
        break;
      default:
        if (typeof container[key] === 'number') container[key] += random.integer(2) === 0 ? 1 : -1;
        else container[key] = elsewhere[other] === undefined ? 0 : structuredClone(elsewhere[other]);
    }
  }
  return json;
}

describe('10,000 mutated archives open or are refused with a typed error, within 64 MiB each', () => {
  it('with damaged bytes', async () => {
    const outcomes = await mutate(4000, async (random) =>
      damaged(archives[random.integer(archives.length)], random),
    );
    expect(outcomes.refused).toBeGreaterThan(3900);
  });

  it('with a changed manifest and right checksums', async () => {
    const outcomes = await mutate(5000, async (random) => {
      const { files, manifest } = apart[random.integer(apart.length)];
      return forge(files, new TextEncoder().encode(JSON.stringify(changed(manifest, random))), storing);
    });
    // Both happen: names, configuration and attributes may be other ones, sizes and digests may not.
    expect(outcomes.opened).toBeGreaterThan(100);
    expect(outcomes.refused).toBeGreaterThan(2500);
  });

  it('with damaged manifest text and right checksums', async () => {
    await mutate(500, async (random) => {
      const { files, manifest } = apart[random.integer(apart.length)];
      return forge(files, damaged(new TextEncoder().encode(manifest), random));
    });
  });

  it('with damaged contents and right checksums of the headers', async () => {
    const outcomes = await mutate(500, async (random) => {
      const { files, manifest } = apart[random.integer(apart.length)];
      const victim = random.integer(files.length);
      return forge(
        files.map(([name, contents], index) => [
          name,
          index === victim ? damaged(contents.length === 0 ? Uint8Array.of(1) : contents, random) : contents,
        ]),
        new TextEncoder().encode(manifest),
      );
    });
    expect(outcomes.refused).toBeGreaterThan(400);
  });
});
