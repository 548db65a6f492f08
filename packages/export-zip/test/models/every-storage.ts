import {
  bytesOf,
  createGraphBuilder,
  denseStorage,
  type MixedBitsStorage,
  type Model,
  type Parameter,
  packFlat,
  Random,
} from '@tamp/core';
import { quantized } from './quantized.js';

/** Codes and levels of random groups; every bit of both is used. */
function mixedBits(random: Random, elements: number): MixedBitsStorage {
  const groupSize = 8;
  const minBits = 2;
  const codeBits = 3;
  const codes = Uint8Array.from({ length: Math.ceil(elements / groupSize) }, () =>
    Math.floor(random.uniform() * 2 ** codeBits),
  );
  const bits = codes.reduce((sum, code) => sum + (minBits + code) * groupSize, 0);
  const levels = Uint8Array.from({ length: Math.ceil(bits / 8) }, () => Math.floor(random.uniform() * 256));
  return {
    kind: 'mixed-bits',
    groupSize,
    minBits,
    codeBits,
    codes: bytesOf(packFlat(codes, codeBits)),
    levels: bytesOf(levels),
    minimum: Math.fround(-0.7),
    maximum: Math.fround(0.6),
  };
}

/**
 * A small network with a parameter of every kind of storage; `tied` is used by two operators, and `bias.b` shares the
 * bytes of `bias.a`.
 */
export function everyStorage(): Model {
  const random = new Random(7);
  const values = (length: number): Float32Array =>
    Float32Array.from({ length }, () => random.uniform() - 0.5);
  const bias = denseStorage(values(32));
  const list: Parameter[] = [
    {
      name: 'group.weight',
      shape: [32, 16],
      storage: quantized(
        values(512),
        32,
        16,
        { bits: 4, symmetric: true, granularity: { kind: 'group', groupSize: 8 } },
        'float16',
      ),
    },
    { name: 'bias.a', shape: [32], storage: bias },
    { name: 'bias.b', shape: [32], storage: bias },
    {
      name: 'tied',
      shape: [32, 32],
      storage: quantized(
        values(1024),
        32,
        32,
        { bits: 8, symmetric: false, granularity: { kind: 'channel' } },
        'float32',
      ),
    },
    {
      name: 'tensor.weight',
      shape: [32, 32],
      storage: quantized(
        values(1024),
        32,
        32,
        { bits: 3, symmetric: false, granularity: { kind: 'tensor' } },
        'bfloat16',
      ),
    },
    { name: 'mixed.weight', shape: [32, 32], storage: mixedBits(random, 1024) },
    { name: 'brain.weight', shape: [32, 32], storage: denseStorage(values(1024), 'bfloat16') },
    { name: 'half.weight', shape: [8, 32], storage: denseStorage(values(256), 'float16') },
  ];
  const parameters = new Map(list.map((parameter) => [parameter.name, parameter]));
  const builder = createGraphBuilder();
  const parameter = (name: string) => builder.parameter(name, parameters.get(name)?.shape ?? []);
  const linear = (...inputs: Parameters<typeof builder.apply>[1]) => builder.apply('linear', inputs);
  let x = builder.input('x', { dtype: 'float32', shape: [null, 16] });
  builder.scope('net', 'Net', () => {
    x = linear(x, parameter('group.weight'), parameter('bias.a'));
    x = linear(builder.apply('relu', [x]), parameter('tied'), parameter('bias.b'));
    x = linear(x, parameter('tied'));
    for (const name of ['tensor.weight', 'mixed.weight', 'brain.weight', 'half.weight']) {
      x = linear(x, parameter(name));
    }
  });
  builder.output('y', x);
  return {
    graph: builder.build(),
    parameters,
    architecture: 'Net',
    config: { hidden: 32, nested: { list: [1, 'two', null, true] } },
    assets: new Map([
      [
        'tokenizer.json',
        bytesOf(new TextEncoder().encode('{"words":["a","b"]}'.repeat(20)), 'tokenizer.json'),
      ],
      ['extra/emptyé.txt', bytesOf(new Uint8Array(0))],
    ]),
  };
}
