import { expect, test } from 'vitest';
import { denseStorage, type Parameter, Random, readParameter, readParameterInto } from '../../src/index.js';

test('numbers of two bytes are read into room that is long enough, everything else elsewhere', async () => {
  const values = new Random(1).fillNormal(new Float32Array(6));
  for (const dtype of ['bfloat16', 'float16', 'float32'] as const) {
    const parameter: Parameter = { name: 'w', shape: [2, 3], storage: denseStorage(values, dtype) };
    const expected = await readParameter(parameter);
    for (const length of [5, 6, 9]) {
      const room = new Float32Array(length);
      const read = await readParameterInto(parameter, room);
      expect(read).toEqual(expected);
      expect(read.buffer === room.buffer).toBe(dtype !== 'float32' && length >= 6);
    }
  }
});
