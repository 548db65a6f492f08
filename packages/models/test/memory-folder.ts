import { type AttributeValue, bytesOf, type MemorySink, memorySink, Random } from '@tamp/core';
import { type SafetensorsDtype, writeSharded } from '@tamp/safetensors';
import { buildCausalLanguageModel, type ModelFolder } from '../src/index.js';

/** A model's files in memory. */
export function memoryFolder(files: ReadonlyMap<string, Uint8Array | string>): ModelFolder {
  return {
    label: 'folder',
    async has(name) {
      return files.has(name);
    },
    async list() {
      return [...files.keys()];
    },
    async open(name) {
      const content = files.get(name);
      if (content === undefined) throw new Error(`the test folder has no ${name}`);
      return bytesOf(
        typeof content === 'string' ? new TextEncoder().encode(content) : content,
        `folder/${name}`,
      );
    },
  };
}

/** A tensor to be written in float32. */
export interface TestTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
  readonly dtype?: SafetensorsDtype;
}

/** The files of a checkpoint, in shards of at most `maxShardBytes`. */
export async function checkpointFiles(
  tensors: readonly TestTensor[],
  maxShardBytes?: number,
): Promise<Map<string, Uint8Array | string>> {
  const sinks = new Map<string, MemorySink>();
  await writeSharded(
    async (name) => {
      const sink = memorySink(name);
      sinks.set(name, sink);
      return sink;
    },
    tensors.map(({ name, shape, values, dtype = 'F32' }) => ({
      name,
      dtype,
      shape,
      data: () => [new Uint8Array(values.buffer, values.byteOffset, values.byteLength)],
    })),
    maxShardBytes === undefined ? {} : { maxShardBytes },
  );
  return new Map([...sinks].map(([name, sink]) => [name, sink.bytes()]));
}

export type TestConfig = Readonly<Record<string, AttributeValue>>;

/** Random values for every parameter of a causal language model. */
export function randomTensors(config: TestConfig, architecture: string, seed: number): TestTensor[] {
  const random = new Random(seed);
  return buildCausalLanguageModel(config, architecture).nodes.flatMap((node) => {
    if (node.kind !== 'parameter') return [];
    const shape = node.type.shape.map((size) => size ?? 1);
    const length = shape.reduce((product, size) => product * size, 1);
    return [
      { name: node.parameter, shape, values: Float32Array.from({ length }, () => random.between(-0.5, 0.5)) },
    ];
  });
}

/** A folder with config and random weights, and what it holds. */
export async function randomFolder(
  config: TestConfig,
  architecture: string,
  options: {
    readonly maxShardBytes?: number;
    readonly change?: (tensors: TestTensor[]) => TestTensor[];
  } = {},
): Promise<{ files: Map<string, Uint8Array | string>; tensors: readonly TestTensor[] }> {
  const random = randomTensors(config, architecture, 11);
  const tensors = options.change?.(random) ?? random;
  const files = await checkpointFiles(tensors, options.maxShardBytes);
  files.set('config.json', JSON.stringify({ architectures: [architecture], ...config }));
  return { files, tensors };
}
