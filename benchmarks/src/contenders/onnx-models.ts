import { createRequire } from 'node:module';
import { type CaseData, floatWeight } from '../case-data.js';
import type { ProductCase } from '../cases.js';

/** The part of `onnx-proto` that is used: protobufjs message classes. */
interface OnnxProto {
  readonly onnx: {
    readonly ModelProto: { encode(message: object): { finish(): Uint8Array } };
  };
}

const proto: OnnxProto = createRequire(new URL('../../peers/package.json', import.meta.url))('onnx-proto');

const FLOAT = 1;
const UINT8 = 2;
const INT8 = 3;
/** AttributeProto.AttributeType.INT */
const INT_ATTRIBUTE = 2;
const MICROSOFT = 'com.microsoft';

function tensor(name: string, dims: readonly number[], dataType: number, values: ArrayBufferView): object {
  return {
    name,
    dims,
    dataType,
    rawData: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  };
}

function node(
  opType: string,
  input: readonly string[],
  output: string,
  domain = '',
  attributes: Readonly<Record<string, number>> = {},
): object {
  const attribute = Object.entries(attributes).map(([name, i]) => ({ name, i, type: INT_ATTRIBUTE }));
  return { opType, input, output: output.split(' '), domain, attribute };
}

function model(
  nodes: readonly object[],
  initializer: readonly object[],
  { m, k, n }: ProductCase,
): Uint8Array {
  const value = (name: string, dims: readonly number[]): object => ({
    name,
    type: { tensorType: { elemType: FLOAT, shape: { dim: dims.map((dimValue) => ({ dimValue })) } } },
  });
  const graph = {
    name: 'layer',
    node: nodes,
    initializer,
    input: [value('x', [m, k])],
    output: [value('y', [m, n])],
  };
  const opsetImport = [
    { domain: '', version: 17 },
    { domain: MICROSOFT, version: 1 },
  ];
  return proto.onnx.ModelProto.encode({ irVersion: 8, opsetImport, graph }).finish();
}

function transposed<T extends Int8Array | Float32Array>(values: T, n: number, k: number, out: T): T {
  for (let column = 0; column < n; column++) {
    for (let i = 0; i < k; i++) out[i * n + column] = values[column * k + i] ?? 0;
  }
  return out;
}

/** The layer as an ONNX model, by the operators that `variant` names. */
export function onnxModel(benchmark: ProductCase, variant: string, data: CaseData): Uint8Array {
  const { kind, k, n } = benchmark;
  const bias = tensor('b', [n], FLOAT, data.bias);
  const scales = tensor('ws', [n], FLOAT, data.scales);
  if (kind === 'float32') {
    const weight = transposed(floatWeight(data), n, k, new Float32Array(n * k));
    return model([node('Gemm', ['x', 'w', 'b'], 'y')], [tensor('w', [k, n], FLOAT, weight), bias], benchmark);
  }
  if (kind === 'groupwise') {
    const { groupSize = 32 } = benchmark;
    const packed = new Uint8Array((n * k) / 2);
    data.levels.forEach((level, i) => {
      packed[i >> 1] = (packed[i >> 1] ?? 0) | ((level + 8) << ((i & 1) * 4));
    });
    const level = variant === 'accuracy level 4' ? 4 : 0;
    const attributes = { K: k, N: n, bits: 4, block_size: groupSize, accuracy_level: level };
    return model(
      [node('MatMulNBits', ['x', 'w', 'ws'], 'p', MICROSOFT, attributes), node('Add', ['p', 'b'], 'y')],
      [
        tensor('w', [n, k / groupSize, groupSize / 2], UINT8, packed),
        tensor('ws', [(n * k) / groupSize], FLOAT, data.scales),
        bias,
      ],
      benchmark,
    );
  }
  const weight = tensor('w', [k, n], INT8, transposed(data.levels, n, k, new Int8Array(n * k)));
  if (variant === 'DynamicQuantizeMatMul') {
    const zeros = tensor('wz', [n], INT8, new Int8Array(n));
    return model(
      [node('DynamicQuantizeMatMul', ['x', 'w', 'ws', 'wz', 'b'], 'y', MICROSOFT)],
      [weight, scales, zeros, bias],
      benchmark,
    );
  }
  return model(
    [
      node('DynamicQuantizeLinear', ['x'], 'xq xs xz'),
      node('MatMulInteger', ['xq', 'w', 'xz'], 'acc'),
      node('Cast', ['acc'], 'accf', '', { to: FLOAT }),
      node('Mul', ['xs', 'ws'], 's'),
      node('Mul', ['accf', 's'], 'p'),
      node('Add', ['p', 'b'], 'y'),
    ],
    [weight, scales, bias],
    benchmark,
  );
}
