import { bytesOf } from '@tamp/core';
import { describe, expect, it } from 'vitest';
import { openSafetensors } from '../src/safetensors-file.js';
import { entryText, fileBytes, fileOf } from './build-file.js';

const a = entryText('a', 'F32', [2], 0, 8);
const b = entryText('b', 'U8', [3], 8, 11);

function refused(problem: string | RegExp, tensor?: string): Record<string, unknown> {
  return {
    name: 'TampError',
    code: 'format',
    at: tensor === undefined ? { file: 'x.safetensors' } : { file: 'x.safetensors', layer: tensor },
    problem: typeof problem === 'string' ? problem : expect.stringMatching(problem),
    remedy: expect.stringMatching(/\.$/),
  };
}

describe('openSafetensors', () => {
  it('reads the header and nothing else', async () => {
    const whole = fileOf(`{"__metadata__":{"format":"pt"},${b},${a}}  `, 11);
    const reads: [number, number][] = [];
    const file = await openSafetensors({
      ...whole,
      read(start, end) {
        reads.push([start, end]);
        return whole.read(start, end);
      },
    });
    const headerEnd = whole.byteLength - 11;
    expect(reads).toEqual([
      [0, 8],
      [8, headerEnd],
    ]);
    expect([...file.metadata]).toEqual([['format', 'pt']]);
    expect([...file.tensors.values()]).toEqual([
      { name: 'a', dtype: 'F32', shape: [2], byteRange: [headerEnd, headerEnd + 8] },
      { name: 'b', dtype: 'U8', shape: [3], byteRange: [headerEnd + 8, headerEnd + 11] },
    ]);
    expect(file.tensor('b')).toMatchObject({ byteLength: 3, label: 'x.safetensors#b' });
    expect(() => file.tensor('c')).toThrow(
      expect.objectContaining({ code: 'usage', at: { file: 'x.safetensors', layer: 'c' } }),
    );
  });

  it('reads a file without tensors', async () => {
    const file = await openSafetensors(fileOf('{}'));
    expect(file.tensors.size).toBe(0);
    expect(file.metadata.size).toBe(0);
  });

  it('takes empty tensors, scalars and unknown keys', async () => {
    const file = await openSafetensors(
      fileOf(
        `{${entryText('e', 'F64', [0, 4], 0, 0)},"s":{"dtype":"I16","x":[{"y":[null,true,-1.5e3,"z"]}],"shape":[],"data_offsets":[0,2]}}`,
        2,
      ),
    );
    expect([...file.tensors.keys()]).toEqual(['e', 's']);
  });

  it('is not misled by the names of properties of objects', async () => {
    const file = await openSafetensors(
      fileOf(
        `{"__metadata__":{"__proto__":"m"},${entryText('__proto__', 'U8', [1], 0, 1)},${entryText('constructor', 'U8', [1], 1, 2)}}`,
        2,
      ),
    );
    expect([...file.tensors.keys()]).toEqual(['__proto__', 'constructor']);
    expect(file.metadata.get('__proto__')).toBe('m');
    expect(file.tensor('__proto__').byteLength).toBe(1);
    expect(() => file.tensor('toString')).toThrow(expect.objectContaining({ code: 'usage' }));
    expect(Object.prototype).not.toHaveProperty('dtype');
  });

  it('decodes escapes in names before it compares them', async () => {
    const twice = fileOf(`{${a},"\\u0061":{"dtype":"U8","shape":[0],"data_offsets":[8,8]}}`, 8);
    await expect(openSafetensors(twice)).rejects.toMatchObject(
      refused('the header has this tensor twice', 'a'),
    );
  });

  const headers: [what: string, header: string, dataLength: number, Record<string, unknown>][] = [
    ['an empty header', '', 0, refused('the header does not begin with "{"')],
    ['a list', '[]', 0, refused('the header does not begin with "{"')],
    ['leading space', ` {${a}}`, 8, refused('the header does not begin with "{"')],
    ['a byte order mark', `\ufeff{${a}}`, 8, refused('the header does not begin with "{"')],
    [
      'broken JSON',
      `{${a},}`,
      8,
      refused(/^the header is not valid JSON: """ expected at character \d+, found "}"$/),
    ],
    ['a cut header', `{${a}`, 8, refused(/but it ends there$/)],
    ['a cut string', '{"abc', 0, refused(/the end of a string expected at character 6, but it ends there$/)],
    ['text after the object', `{${a}} x`, 8, refused(/nothing more expected/)],
    ['a control character', '{"a\u0001":1}', 0, refused(/the end of a string expected/)],
    ['a broken escape', '{"a\\x":1}', 0, refused(/a string with valid escapes expected/)],
    ['half a surrogate pair', '{"a\\ud800":1}', 0, refused(/a string with valid escapes expected/)],
    ['a duplicate name', `{${a},${a}}`, 8, refused('the header has this tensor twice', 'a')],
    ['an entry that is no object', '{"a":1}', 0, refused('its entry is not an object', 'a')],
    [
      'a duplicate key of an entry',
      '{"a":{"dtype":"U8","dtype":"U8","shape":[],"data_offsets":[0,1]}}',
      1,
      refused('its entry has dtype twice', 'a'),
    ],
    [
      'duplicate offsets',
      '{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1],"data_offsets":[0,1]}}',
      1,
      refused('its entry has data_offsets twice', 'a'),
    ],
    ['no dtype', '{"a":{"shape":[],"data_offsets":[0,1]}}', 1, refused('its entry lacks dtype', 'a')],
    ['no shape', '{"a":{"dtype":"U8","data_offsets":[0,1]}}', 1, refused('its entry lacks shape', 'a')],
    ['no offsets', '{"a":{"dtype":"U8","shape":[]}}', 1, refused('its entry lacks data_offsets', 'a')],
    [
      'an unknown dtype',
      entries('a', '"INT4"', '[2]', '[0,1]'),
      1,
      refused('it has the unknown dtype "INT4"', 'a'),
    ],
    ['a dtype of Object', entries('a', '"toString"', '[2]', '[0,1]'), 1, refused(/unknown dtype/, 'a')],
    [
      'a dtype that is no string',
      entries('a', '8', '[2]', '[0,1]'),
      1,
      refused(/dtype is not a string/, 'a'),
    ],
    ['a shape that is no list', entries('a', '"U8"', '"2"', '[0,2]'), 2, refused(/shape is not a list/, 'a')],
    [
      'a negative dimension',
      entries('a', '"U8"', '[2,-1]', '[0,2]'),
      2,
      refused('dimension 1 of its shape is negative: -1', 'a'),
    ],
    [
      'a fractional dimension',
      entries('a', '"U8"', '[2.5]', '[0,2]'),
      2,
      refused('dimension 0 of its shape is not a whole number: 2.5', 'a'),
    ],
    ['a dimension with an exponent', entries('a', '"U8"', '[2e0]', '[0,2]'), 2, refused(/not a whole/, 'a')],
    ['a dimension as text', entries('a', '"U8"', '["2"]', '[0,2]'), 2, refused(/is not a number$/, 'a')],
    [
      'a dimension above 2^53',
      entries('a', '"U8"', '[9007199254740992]', '[0,2]'),
      2,
      refused('dimension 0 of its shape is too large: 9007199254740992', 'a'),
    ],
    [
      'a shape whose size overflows',
      entries('a', '"F32"', '[4294967296,4294967296]', '[0,0]'),
      0,
      refused('F32 of shape [4294967296, 4294967296] is too large', 'a'),
    ],
    [
      'a shape whose bits overflow',
      entries('a', '"F32"', '[9007199254740991]', '[0,0]'),
      0,
      refused('F32 of shape [9007199254740991] is too large', 'a'),
    ],
    [
      'too many dimensions',
      entries('a', '"U8"', `[${Array(65).fill(1)}]`, '[0,1]'),
      1,
      refused('it has more than 64 dimensions', 'a'),
    ],
    [
      'elements of less than a byte that do not fill it',
      entries('a', '"F4"', '[3]', '[0,2]'),
      2,
      refused('F4 of shape [3] does not fill its last byte', 'a'),
    ],
    ['one offset', entries('a', '"U8"', '[1]', '[0]'), 1, refused(/not a list of two numbers/, 'a')],
    ['three offsets', entries('a', '"U8"', '[1]', '[0,1,2]'), 1, refused(/not a list of two numbers/, 'a')],
    [
      'a negative offset',
      entries('a', '"U8"', '[1]', '[-1,0]'),
      1,
      refused('its begin offset is negative: -1', 'a'),
    ],
    [
      'a begin after its end',
      entries('a', '"U8"', '[1]', '[1,0]'),
      1,
      refused('it begins at 1, after its end at 0', 'a'),
    ],
    [
      'a size that disagrees',
      entries('a', '"F32"', '[2]', '[0,4]'),
      4,
      refused('F32 of shape [2] takes 8 bytes, but its offsets span 4', 'a'),
    ],
    [
      'an overlap',
      `{${a},${entryText('b', 'U8', [8], 4, 12)}}`,
      12,
      refused('it begins at offset 4, inside the bytes of "a", which end at 8', 'b'),
    ],
    [
      'the same bytes twice',
      `{${a},${entryText('b', 'F32', [2], 0, 8)}}`,
      8,
      refused('it begins at offset 0, inside the bytes of "a", which end at 8', 'b'),
    ],
    [
      'a hole',
      `{${a},${entryText('b', 'U8', [1], 9, 10)}}`,
      10,
      refused('the bytes before it, from offset 8 to 9, belong to no tensor', 'b'),
    ],
    [
      'a hole at the start',
      `{${entryText('b', 'U8', [1], 1, 2)}}`,
      2,
      refused('the bytes before it, from offset 0 to 1, belong to no tensor', 'b'),
    ],
    [
      'offsets outside the file',
      `{${a},${entryText('b', 'U8', [1], 1000, 1001)}}`,
      9,
      refused('its offsets 1000 to 1001 lie outside the 9 bytes of data', 'b'),
    ],
    [
      'truncated data',
      `{${a},${b}}`,
      10,
      refused(
        'the file is truncated: the tensor ends at offset 11, but only 10 bytes of data are there',
        'b',
      ),
    ],
    ['trailing bytes', `{${a},${b}}`, 13, refused('2 bytes after the last tensor belong to none', 'b')],
    ['data without tensors', '{}', 1, refused('1 bytes after the last tensor belong to none')],
    [
      'metadata that is no object',
      '{"__metadata__":[]}',
      0,
      refused('__metadata__ does not map strings to strings'),
    ],
    [
      'metadata of a number',
      '{"__metadata__":{"step":1}}',
      0,
      refused('__metadata__ does not map strings to strings: the value of "step" is not a string'),
    ],
    [
      'a duplicate key of the metadata',
      '{"__metadata__":{"k":"1","k":"2"}}',
      0,
      refused('__metadata__ has the key "k" twice'),
    ],
    [
      'two metadata',
      '{"__metadata__":{},"__metadata__":{}}',
      0,
      refused('the header has __metadata__ twice'),
    ],
    [
      'deep nesting',
      `{"a":{"x":${'['.repeat(100_000)}`,
      0,
      refused('the header nests values more than 64 deep'),
    ],
  ];

  it.each(headers)('refuses %s', async (_, header, dataLength, error) => {
    await expect(openSafetensors(fileOf(header, dataLength))).rejects.toMatchObject(error);
  });

  it('refuses what is not UTF-8', async () => {
    const header = new TextEncoder().encode(`{${a}}`);
    header[2] = 0xff;
    await expect(openSafetensors(fileOf(header, 8))).rejects.toMatchObject(
      refused('the header is not valid UTF-8'),
    );
  });

  it('refuses a file that ends within its header', async () => {
    const bytes = fileBytes(`{${a}}`);
    await expect(openSafetensors(bytesOf(bytes.subarray(0, 7), 'x.safetensors'))).rejects.toMatchObject(
      refused('it has 7 bytes, too few for a safetensors file'),
    );
    await expect(openSafetensors(bytesOf(bytes.subarray(0, 20), 'x.safetensors'))).rejects.toMatchObject(
      refused(/^the file is truncated: its header claims \d+ bytes, but 12 are there$/),
    );
  });

  it('caps the header before it reads it', async () => {
    const source = fileOf(`{${a}}`, 8);
    const header = source.byteLength - 16;
    await expect(openSafetensors(source, { maxHeaderBytes: header - 1 })).rejects.toMatchObject(
      refused(`its header claims ${header} bytes, more than the ${header - 1} allowed`),
    );
    await expect(openSafetensors(source, { maxHeaderBytes: header })).resolves.toBeDefined();
    const huge = new Uint8Array(16).fill(0xff);
    await expect(openSafetensors(bytesOf(huge, 'x.safetensors'))).rejects.toMatchObject(
      refused('its header claims 18446744073709551615 bytes, more than the 100000000 allowed'),
    );
  });
});

function entries(name: string, dtype: string, shape: string, offsets: string): string {
  return `{"${name}":{"dtype":${dtype},"shape":${shape},"data_offsets":${offsets}}}`;
}
