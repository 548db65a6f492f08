import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { bytesOf } from '../../src/bytes/byte-source.js';
import { createModelEditor } from '../../src/model/model-editor.js';
import { parameterFile } from '../../src/node.js';
import { denseStorage } from '../../src/parameters/memory.js';
import type { Parameter, ParameterStorage } from '../../src/parameters/parameter.js';
import { readParameter } from '../../src/parameters/read-parameter.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tamp-parameters-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const scheme = { bits: 4, symmetric: false, granularity: { kind: 'group', groupSize: 4 } } as const;
const storages: Readonly<
  Record<string, { readonly shape: readonly number[]; readonly storage: ParameterStorage }>
> = {
  dense: { shape: [3], storage: denseStorage(Float32Array.of(1, -2, 0.5), 'bfloat16') },
  affine: {
    shape: [1, 8],
    storage: {
      kind: 'affine',
      scheme,
      levels: bytesOf(Uint32Array.of(0x76543210)),
      scales: denseStorage(Float32Array.of(0.5, 2)),
      zeroPoints: bytesOf(Int8Array.of(1, -3)),
    },
  },
  'mixed bits': {
    shape: [4],
    storage: {
      kind: 'mixed-bits',
      groupSize: 2,
      minBits: 2,
      codeBits: 1,
      codes: bytesOf(Uint8Array.of(0b10)),
      levels: bytesOf(Uint8Array.of(0b01_11_10_01, 0b11)),
      minimum: -1,
      maximum: 1,
    },
  },
};

it('parameters of every storage read the same from a file that has no name', async () => {
  const store = await parameterFile(folder);
  // Nothing is left in the folder even if the process is killed now.
  expect(await readdir(folder)).toEqual([]);
  for (const [name, { shape, storage }] of Object.entries(storages)) {
    const parameter: Parameter = { name, shape, storage };
    const moved = await store.put(parameter);
    expect(moved.storage).not.toBe(storage);
    expect(await readParameter(moved)).toEqual(await readParameter(parameter));
  }
  await store.close();
});

it('what was put cannot be read once the store is closed', async () => {
  const store = await parameterFile(folder);
  const moved = await store.put({ name: 'a', ...storages.dense });
  await store.close();
  await expect(readParameter(moved)).rejects.toThrow('is closed');
});

it('a folder that is not there is an error that names it', async () => {
  await expect(parameterFile(join(folder, 'nowhere'))).rejects.toThrow('finished parameters cannot be kept');
});

it('an editor moves what was set, once, and keeps the values', async () => {
  const store = await parameterFile(folder);
  let open = false;
  const put: string[] = [];
  const editor = createModelEditor(
    {
      graph: { nodes: [], scopes: {} },
      parameters: new Map(),
      architecture: 'none',
      config: {},
      assets: new Map(),
    },
    {
      settleIn: () =>
        open
          ? {
              put(parameter) {
                put.push(parameter.name);
                return store.put(parameter);
              },
            }
          : undefined,
    },
  );
  const parameter: Parameter = { name: 'a', ...storages.affine };
  editor.setParameter(parameter);
  expect(editor.model.parameters.get('a')).toBe(parameter);
  // Without a place for it now it stays, and goes out when there is one.
  await editor.settle();
  expect(editor.model.parameters.get('a')).toBe(parameter);
  open = true;
  await editor.settle();
  await editor.settle();
  expect(put).toEqual(['a']);
  const moved = editor.model.parameters.get('a');
  if (moved === undefined) throw new Error('it is gone');
  expect(moved).not.toBe(parameter);
  expect(await readParameter(moved)).toEqual(await readParameter(parameter));
  await store.close();
});
