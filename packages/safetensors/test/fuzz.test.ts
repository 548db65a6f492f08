import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type ByteSource, bytesOf, isTampError } from '@tamp/core';
import { fixturePath } from '@tamp/fixtures';
import { describe, expect, it } from 'vitest';
import { bitsPerElement, isSafetensorsDtype, safetensorsDtypes } from '../src/dtype.js';
import { openSafetensors, type SafetensorsFile } from '../src/safetensors-file.js';
import { fileBytes, seededRandom } from './build-file.js';

const cases = 10_000;
const allowedGrowth = 64 * 2 ** 20;

type Random = () => number;

function pick<T>(random: Random, from: readonly T[]): T {
  const one = from[Math.floor(random() * from.length)];
  if (one === undefined) throw new Error('nothing to pick from');
  return one;
}

/** A file whose data is not kept: only its length and its header count. */
interface Sample {
  readonly header: string;
  readonly dataLength: number;
}

function manyDtypes(): Sample {
  let offset = 0;
  const parts = safetensorsDtypes.map((dtype, i) => {
    const begin = offset;
    offset += bitsPerElement(dtype) * (i % 3);
    return `"t.${i}":{"dtype":"${dtype}","shape":[2,${i % 3},4],"data_offsets":[${begin},${offset}]}`;
  });
  return {
    header: `{"__metadata__":{"format":"pt","note":"\\u00e9\\n"},${parts.join(',')}}  `,
    dataLength: offset,
  };
}

function fixtureSample(...parts: readonly string[]): Sample {
  const bytes = readFileSync(fixturePath(...parts));
  const length = Number(bytes.readBigUInt64LE(0));
  return { header: bytes.toString('utf8', 8, 8 + length), dataLength: bytes.length - 8 - length };
}

const samples: readonly Sample[] = [
  { header: '{}', dataLength: 0 },
  { header: '{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}', dataLength: 24 },
  manyDtypes(),
  fixtureSample('diffq', 'uniform.safetensors'),
  fixtureSample('tiny-llama', 'model.safetensors'),
];

const hostileTexts = [
  '-1',
  '0',
  '1',
  '1.5',
  '1e3',
  '-0',
  '01',
  '9007199254740991',
  '9007199254740993',
  '18446744073709551616',
  '1e400',
  'NaN',
  'null',
  'true',
  '""',
  '"F32"',
  '"U8"',
  '"__proto__"',
  '[]',
  '{}',
  '[0]',
  '[0,0]',
  '[0,1,2]',
  '[1,0]',
  '[4294967296,4294967296]',
  '[[0]]',
  '{"a":{}}',
  '[9007199254740991]',
  '"\\ud800"',
  '"\\u0000"',
  '"é"',
  '\ufeff',
  '['.repeat(5000),
  '{"a":'.repeat(2000),
  `[${'1,'.repeat(2000)}1]`,
  '"'.padEnd(5000, 'x'),
  `9${'0'.repeat(4000)}`,
];

/** Replaces, repeats, swaps or removes a value, a key or a member of the header. */
function mutateJson(header: string, random: Random): string {
  const tokens = [...header.matchAll(/"(?:[^"\\]|\\.)*"|-?\d+|[[\]{}:,]/g)];
  if (tokens.length === 0) return pick(random, hostileTexts);
  const token = pick(random, tokens);
  const other = pick(random, tokens);
  const before = header.slice(0, token.index);
  const after = header.slice(token.index + token[0].length);
  switch (Math.floor(random() * 7)) {
    case 0:
      return before + pick(random, hostileTexts) + after;
    case 1:
      return before + after;
    case 2:
      return before + token[0] + token[0] + after;
    case 3:
      return before + other[0] + after;
    case 4: {
      // A small change to a number: offsets that overlap, leave holes or disagree with the shape.
      const numbers = tokens.filter(([text]) => /^\d+$/.test(text));
      if (numbers.length === 0) return before + after;
      const number = pick(random, numbers);
      const changed = Number(number[0]) + Math.floor(random() * 9) - 4;
      return header.slice(0, number.index) + changed + header.slice(number.index + number[0].length);
    }
    case 5: {
      // A member again, or one too many.
      const members = [...header.matchAll(/"[^"]*":(?:\{[^{}]*\}|"[^"]*"|\[[^[\]]*\])/g)];
      if (members.length === 0) return before + after;
      const member = pick(random, members);
      const end = member.index + member[0].length;
      return `${header.slice(0, end)},${pick(random, members)[0]}${header.slice(end)}`;
    }
    default: {
      const key = pick(random, [
        '__proto__',
        '__metadata__',
        'dtype',
        'shape',
        'data_offsets',
        'constructor',
        '',
      ]);
      return before + JSON.stringify(key) + after;
    }
  }
}

/** Changes how the header is written, not what it says: space, escapes, unknown keys. */
function rewrite(header: string, random: Random): string {
  switch (Math.floor(random() * 3)) {
    case 0:
      return header.replace(/"(?:[^"\\]|\\.)*"|[[\]{}:,]/g, (token) =>
        token === '{' || random() < 0.8 ? token : pick(random, [' ', '\n', '\t\r']) + token,
      );
    case 1:
      return header.replace(/[a-zA-Z0-9_](?=[^"{}[\]]*":)/g, (character) =>
        random() < 0.8 ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
      );
    default:
      return header.replace(/"dtype"/g, (key) => `"note":[{},null,-1.5e3,"x"],${key}`);
  }
}

function flipBytes(bytes: Uint8Array, random: Random): void {
  const flips = 1 + Math.floor(random() * 4);
  for (let i = 0; i < flips; i++) {
    const at = Math.floor(random() * bytes.byteLength);
    bytes[at] = random() < 0.5 ? random() * 256 : (bytes[at] ?? 0) ^ (1 << (random() * 8));
  }
}

interface Case {
  /** Length field and header, perhaps cut. */
  readonly head: Uint8Array;
  readonly byteLength: number;
}

function mutate(sample: Sample, random: Random): Case {
  let { header } = sample;
  const kind = Math.floor(random() * 7);
  if (kind <= 2) {
    const rounds = 1 + Math.floor(random() * 2);
    for (let i = 0; i < rounds; i++) header = mutateJson(header, random);
  }
  if (kind === 6) header = rewrite(header, random);
  const head = fileBytes(header);
  let byteLength = head.byteLength + sample.dataLength;
  if (kind === 3) flipBytes(head.subarray(8), random);
  if (kind === 4) {
    if (random() < 0.5) flipBytes(head.subarray(0, 8), random);
    else {
      const length = pick(random, [
        0n,
        1n,
        2n ** 63n,
        2n ** 64n - 1n,
        2n ** 53n + 1n,
        100_000_001n,
        99_999_999n,
      ]);
      new DataView(head.buffer).setBigUint64(0, length, true);
    }
  }
  if (kind === 5) byteLength = Math.floor(random() * byteLength * 1.2);
  return { head: head.subarray(0, Math.min(head.byteLength, byteLength)), byteLength };
}

/** A source that has its first bytes only and answers with zeros after them, as a sparse file does. */
function sourceOf(one: Case, onRead: (bytes: number) => void): ByteSource {
  return {
    label: 'x.safetensors',
    byteLength: one.byteLength,
    async read(start, end) {
      if (start < 0 || end < start || end > one.byteLength) throw new Error('read outside the source');
      onRead(end - start);
      const bytes = new Uint8Array(end - start);
      bytes.set(one.head.subarray(start, end));
      return bytes;
    },
  };
}

function countKeys(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const below = Object.values(value).reduce<number>((sum, item) => sum + countKeys(item), 0);
  return below + (Array.isArray(value) ? 0 : Object.keys(value).length);
}

/** The header by the plainest reading of it; undefined when it is no JSON object or has duplicate keys. */
function plainHeader(one: Case): Record<string, unknown> | undefined {
  try {
    const length = Number(new DataView(one.head.buffer, one.head.byteOffset).getBigUint64(0, true));
    if (8 + length > one.byteLength || one.head[8] !== 0x7b) return undefined;
    // Bytes that the case does not keep are zeros.
    const bytes = new Uint8Array(length);
    bytes.set(one.head.subarray(8, 8 + length));
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const parsed: unknown = JSON.parse(text);
    // A key that is there twice leaves fewer keys than colons.
    const colons = text.replace(/"(?:[^"\\]|\\.)*"/g, '').split(':').length - 1;
    if (colons !== countKeys(parsed)) return undefined;
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : undefined;
  } catch {
    return undefined;
  }
}

function isNatural(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** Whether the plain reading gives a valid file. Numbers such as `1.0` and `-0` escape it. */
function isValid(one: Case): boolean {
  const header = plainHeader(one);
  if (header === undefined) return false;
  const { __metadata__: metadata = {}, ...entries } = header;
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) return false;
  if (Object.values(metadata).some((value) => typeof value !== 'string')) return false;
  const ranges: [number, number][] = [];
  for (const entry of Object.values(entries)) {
    if (typeof entry !== 'object' || entry === null) return false;
    const {
      dtype,
      shape,
      data_offsets: offsets,
    } = { dtype: 0, shape: 0, data_offsets: 0, ...entry } as Record<string, unknown>;
    if (typeof dtype !== 'string' || !isSafetensorsDtype(dtype)) return false;
    if (!Array.isArray(shape) || shape.length > 64 || !shape.every(isNatural)) return false;
    if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isNatural)) return false;
    const bits = shape.reduce((product, dimension) => product * dimension, bitsPerElement(dtype));
    const [begin, end] = offsets;
    if (!(bits < 2 ** 53) || bits !== (end - begin) * 8) return false;
    ranges.push([begin, end]);
  }
  ranges.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let covered = 0;
  for (const [begin, end] of ranges) {
    if (begin !== covered) return false;
    covered = end;
  }
  const length = Number(new DataView(one.head.buffer, one.head.byteOffset).getBigUint64(0, true));
  return 8 + length + covered === one.byteLength;
}

/** Checks an open file against the plain reading and against the rules of the format. */
function checkOpened(file: SafetensorsFile, one: Case): void {
  const expected = plainHeader(one);
  if (expected === undefined) throw new Error('the header is no object');
  const { __metadata__: metadata, ...entries } = expected;
  expect(Object.fromEntries(file.metadata)).toEqual(metadata ?? {});
  expect(new Set(file.tensors.keys())).toEqual(new Set(Object.keys(entries)));
  const headLength = 8 + Number(new DataView(one.head.buffer, one.head.byteOffset).getBigUint64(0, true));
  let covered = headLength;
  for (const [name, { dtype, shape, byteRange }] of file.tensors) {
    const [start, end] = byteRange;
    expect(entries[name]).toMatchObject({
      dtype,
      shape,
      data_offsets: [start - headLength, end - headLength],
    });
    expect(isSafetensorsDtype(dtype)).toBe(true);
    expect(start).toBe(covered);
    const elements = shape.reduce((product, dimension) => product * dimension, 1);
    expect(end - start).toBe((elements * bitsPerElement(dtype)) / 8);
    covered = end;
  }
  expect(covered).toBe(one.byteLength);
}

setFlagsFromString('--expose-gc');
const collectGarbage: unknown = runInNewContext('gc');

function memoryInUse(): number {
  // Array buffers count as external.
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function settle(): void {
  if (typeof collectGarbage !== 'function') throw new Error('garbage cannot be collected on demand');
  collectGarbage();
}

describe('mutated headers', () => {
  it('starts from headers that open', async () => {
    for (const { header, dataLength } of samples) {
      const head = fileBytes(header);
      const one = { head, byteLength: head.byteLength + dataLength };
      checkOpened(await openSafetensors(sourceOf(one, () => undefined)), one);
    }
  });

  it(`each of ${cases} opens correctly or gives a TampError, in little memory`, {
    timeout: 180_000,
  }, async ({ annotate }) => {
    const random = seededRandom(20_240_229);
    const problems = new Map<string, number>();
    let opened = 0;
    let mostGrowth = 0;
    settle();
    const atStart = memoryInUse();
    for (let i = 0; i < cases; i++) {
      const one = mutate(pick(random, samples), random);
      let read = 0;
      const before = memoryInUse();
      let outcome: SafetensorsFile | unknown;
      let failed = false;
      try {
        outcome = await openSafetensors(
          sourceOf(one, (bytes) => {
            read += bytes;
          }),
        );
      } catch (error) {
        failed = true;
        outcome = error;
      }
      mostGrowth = Math.max(mostGrowth, memoryInUse() - before - read);
      expect(read).toBeLessThanOrEqual(one.byteLength);
      if (failed) {
        // Anything else is a crash: rethrown with the case's number.
        if (!isTampError(outcome)) throw new Error(`case ${i} crashed`, { cause: outcome });
        if (
          outcome.code !== 'format' ||
          outcome.at.file !== 'x.safetensors' ||
          outcome.remedy === undefined
        ) {
          throw new Error(`case ${i} gave an unclear error`, { cause: outcome });
        }
        expect(outcome.message.length).toBeLessThan(2000);
        // What the plain reading accepts may only be refused for what it cannot see.
        if (isValid(one))
          expect(outcome.problem).toMatch(/is negative: -0$|is not a whole number|escapes expected/);
        const kind = outcome.problem.replace(/"(?:[^"\\]|\\.)*"|[\d.…-]+|\[.*\]/g, '#');
        problems.set(kind, (problems.get(kind) ?? 0) + 1);
      } else {
        opened++;
        checkOpened(outcome as SafetensorsFile, one);
      }
    }
    settle();
    const kept = memoryInUse() - atStart;
    // A run that refuses everything, or meets one kind of error only, would show nothing.
    expect(opened).toBeGreaterThan(cases / 10);
    expect(problems.size).toBeGreaterThan(30);
    expect(mostGrowth).toBeLessThan(allowedGrowth);
    expect(kept).toBeLessThan(allowedGrowth);
    await annotate(
      `${opened} of ${cases} opened, ${problems.size} kinds of errors, at most ${(mostGrowth / 2 ** 20).toFixed(1)} MiB for one header, ${(kept / 2 ** 20).toFixed(1)} MiB kept`,
    );
  });

  it('the most tensors that the default limits let through stay within the limit of memory', {
    timeout: 180_000,
  }, async () => {
    const count = 200_000;
    const parts = Array.from(
      { length: count },
      (_, i) => `"${i.toString(36)}":{"dtype":"U8","shape":[],"data_offsets":[${i},${i + 1}]}`,
    );
    const head = fileBytes(`{${parts.join(',')}}`);
    const source = sourceOf({ head, byteLength: head.byteLength + count }, () => undefined);
    settle();
    const before = memoryInUse();
    const file = await openSafetensors(source);
    // Garbage that could be collected is not needed by the reader.
    settle();
    const growth = memoryInUse() - before;
    expect(file.tensors.size).toBe(count);
    expect(growth).toBeLessThan(allowedGrowth);

    const oneMore = fileBytes(
      `{${parts.join(',')},"more":{"dtype":"U8","shape":[],"data_offsets":[${count},${count + 1}]}}`,
      new Uint8Array(count + 1),
    );
    await expect(openSafetensors(bytesOf(oneMore))).rejects.toMatchObject({
      code: 'format',
      problem: 'the header has more than 200000 keys',
    });
    await expect(openSafetensors(bytesOf(oneMore), { maxHeaderKeys: count + 1 })).resolves.toBeDefined();
  });

  it.each([
    ['nested lists', '{"a":', '[', ''],
    ['dimensions', '{"a":{"dtype":"U8","shape":[', '1,', ''],
    ['an unknown key of many items', '{"a":{"x":[', '{},', '0]}}'],
    ['offsets', '{"a":{"data_offsets":[', '0,', ''],
    ['digits', '{"a":{"shape":[', '9', ']}}'],
    ['one name', '{"', 'a', '":1}'],
    ['an escaped name', '{"', '\\u0061', '":1}'],
  ])(
    'a large header of %s costs little more than its text',
    { timeout: 180_000 },
    async (_, start, repeated, end) => {
      const headerBytes = 8 * 2 ** 20;
      const header =
        start + repeated.repeat((headerBytes - start.length - end.length) / repeated.length) + end;
      const source = bytesOf(fileBytes(header), 'x.safetensors');
      settle();
      const before = memoryInUse();
      await expect(openSafetensors(source)).rejects.toMatchObject({ code: 'format' });
      const growth = memoryInUse() - before;
      // The text itself takes one byte a character; names are held twice while they are unescaped.
      expect(growth - 3 * headerBytes).toBeLessThan(allowedGrowth);
    },
  );
});
