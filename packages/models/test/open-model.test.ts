import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readAll, readParameter } from '@tamp/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMlp, openModel } from '../src/index.js';
import { folderAt, openModelFolder } from '../src/node.js';
import { checkpointFiles, memoryFolder, randomFolder, type TestTensor } from './memory-folder.js';

const config = {
  hidden_size: 8,
  intermediate_size: 4,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  vocab_size: 5,
  tie_word_embeddings: true,
};
const architecture = 'LlamaForCausalLM';

describe('openModel', () => {
  it('reads weights only when they are asked for', async () => {
    const { files } = await randomFolder(config, architecture);
    const reads: string[] = [];
    const folder = memoryFolder(files);
    const model = await openModel({
      ...folder,
      async open(name) {
        const source = await folder.open(name);
        return {
          ...source,
          read(start, end) {
            reads.push(name);
            return source.read(start, end);
          },
        };
      },
    });
    expect(reads.filter((name) => name.endsWith('.safetensors')).length).toBeLessThanOrEqual(2);
    const before = reads.length;
    const [first] = model.parameters.values();
    await readParameter(first);
    expect(reads.length).toBe(before + 1);
  });

  it.each(['F16', 'BF16'] as const)('keeps %s weights as they are stored', async (dtype) => {
    const change = (tensors: TestTensor[]): TestTensor[] =>
      tensors.map((tensor) => {
        // 1.5 is exact in both formats.
        const half = new Uint16Array(tensor.values.length).fill(dtype === 'F16' ? 0x3e00 : 0x3fc0);
        const padded = new Float32Array(half.buffer.slice(0, half.byteLength - (half.byteLength % 4)));
        return { ...tensor, values: padded, dtype };
      });
    const { files } = await randomFolder(config, architecture, { change });
    const model = await openModel(memoryFolder(files));
    const parameter = model.parameters.get('model.norm.weight');
    if (parameter === undefined) throw new Error('the model lacks model.norm.weight');
    expect(parameter.storage).toMatchObject({ kind: 'dense', bytes: { byteLength: 16 } });
    expect(await readParameter(parameter)).toEqual(new Float32Array(8).fill(1.5));
  });

  it('takes side files along by name, and neither weights nor code nor what else lies there', async () => {
    const { files } = await randomFolder(config, architecture);
    const wanted = ['LICENSE.txt', 'chat_template.jinja', 'special_tokens_map.json', 'tokenizer.json'];
    const others = [
      'modeling.py',
      'pytorch_model.bin',
      'notes.json',
      'data.txt',
      'README.md',
      'tokenizer.js',
    ];
    for (const name of [...wanted, ...others]) files.set(name, name);
    const { assets } = await openModel(memoryFolder(files));
    expect([...assets.keys()]).toEqual(wanted);
    for (const [name, source] of assets) expect(new TextDecoder().decode(await readAll(source))).toBe(name);
  });

  it('ignores what old versions saved beside the weights, and a copy of tied embeddings', async () => {
    const change = (tensors: TestTensor[]): TestTensor[] => [
      ...tensors,
      { name: 'model.layers.0.self_attn.rotary_emb.inv_freq', shape: [2], values: Float32Array.of(1, 0.1) },
      { name: 'lm_head.weight', shape: [5, 8], values: new Float32Array(40) },
    ];
    const { files } = await randomFolder(config, architecture, { change });
    const model = await openModel(memoryFolder(files));
    expect([...model.parameters.keys()].some((name) => /inv_freq|lm_head/.test(name))).toBe(false);
  });

  it('names weights that are missing, misshapen and left over, all at once', async () => {
    const change = (tensors: TestTensor[]): TestTensor[] => [
      ...tensors.filter(({ name }) => name !== 'model.layers.0.mlp.up_proj.weight'),
      { name: 'model.layers.1.mlp.up_proj.weight', shape: [1], values: new Float32Array(1) },
    ];
    const { files } = await randomFolder(config, architecture, { change });
    files.set('config.json', JSON.stringify({ architectures: [architecture], ...config, vocab_size: 6 }));
    const opening = openModel(memoryFolder(files));
    await expect(opening).rejects.toMatchObject({ name: 'TampError', code: 'format' });
    await expect(opening).rejects.toThrow(
      'lacks 1 of its tensors: model.layers.0.mlp.up_proj.weight; ' +
        '1 have another shape: model.embed_tokens.weight (is [5, 8], should be [6, 8]); ' +
        '1 have no place in the model: model.layers.1.mlp.up_proj.weight',
    );
  });

  it('names a tensor that a shard holds and the index leaves out', async () => {
    const { files } = await randomFolder(config, architecture, {
      maxShardBytes: 500,
      change: (tensors) => [...tensors, { name: 'stray', shape: [1], values: new Float32Array(1) }],
    });
    const index = JSON.parse(
      new TextDecoder().decode(files.get('model.safetensors.index.json') as Uint8Array),
    );
    delete index.weight_map.stray;
    files.set('model.safetensors.index.json', JSON.stringify(index));
    // The shard that holds it must stay listed for it to be seen at all.
    await expect(openModel(memoryFolder(files))).rejects.toThrow('1 have no place in the model: stray');
  });

  it('refuses weights of a type that is no number format of models', async () => {
    const change = (tensors: TestTensor[]): TestTensor[] =>
      tensors.map((tensor) => ({
        ...tensor,
        ...(tensor.name === 'model.norm.weight' ? { dtype: 'I32' } : {}),
      }));
    const { files } = await randomFolder(config, architecture, { change });
    await expect(openModel(memoryFolder(files))).rejects.toThrow(
      'model.norm.weight: tensors of type I32 are not supported',
    );
  });

  it('refuses an architecture it has not, with the list of those it has', async () => {
    const files = new Map([['config.json', JSON.stringify({ architectures: ['GPT2LMHeadModel'] })]]);
    const opening = openModel(memoryFolder(files));
    await expect(opening).rejects.toMatchObject({ code: 'unsupported' });
    await expect(opening).rejects.toThrow(
      'folder/config.json: models of the architecture GPT2LMHeadModel are not supported. Use a model of one of ' +
        'these: LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, MLP, ConvNet.',
    );
  });

  it.each([
    ['no JSON', '{"architectures": [', 'is not JSON'],
    ['no object', '[1]', 'is not a JSON object'],
    ['no architecture', '{}', 'names no model class'],
    ['deep nesting', `{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`, 'nested too deeply'],
    ['too many bytes', `{"a":"${'x'.repeat(5 * 2 ** 20)}"}`, 'more than the'],
  ])('refuses a config with %s', async (_, text, problem) => {
    const opening = openModel(memoryFolder(new Map([['config.json', text]])));
    await expect(opening).rejects.toMatchObject({ name: 'TampError', code: 'format' });
    await expect(opening).rejects.toThrow(problem);
  });

  it('takes the architecture from model_type when a config names no class', async () => {
    const { files } = await randomFolder(config, architecture);
    files.set('config.json', JSON.stringify({ ...config, model_type: 'llama' }));
    expect((await openModel(memoryFolder(files))).architecture).toBe(architecture);
  });

  it('says what to do about a folder without config or weights', async () => {
    await expect(openModel(memoryFolder(new Map()))).rejects.toThrow('folder: has no config.json');
    const files = new Map([['config.json', JSON.stringify({ architectures: [architecture], ...config })]]);
    await expect(openModel(memoryFolder(files))).rejects.toThrow('no model.safetensors');
  });

  it('opens an MLP that was saved with its config', async () => {
    const mlp = createMlp({ widths: [3, 2], seed: 5 });
    const tensors = await Promise.all(
      [...mlp.parameters.values()].map(async (parameter) => ({
        ...parameter,
        values: await readParameter(parameter),
      })),
    );
    const files = await checkpointFiles(tensors);
    files.set('config.json', JSON.stringify(mlp.config));
    const opened = await openModel(memoryFolder(files));
    expect(opened.graph).toEqual(mlp.graph);
    expect(opened.architecture).toBe('MLP');
  });
});

describe('openModelFolder', () => {
  let path = '';
  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'tamp-models-'));
    const { files } = await randomFolder(config, architecture, { maxShardBytes: 1000 });
    for (const [name, content] of files) await writeFile(join(path, name), content);
  });
  afterEach(() => rm(path, { recursive: true }));

  it('opens a folder by path and closes its files', async () => {
    expect((await readdir(path)).filter((name) => name.endsWith('.safetensors')).length).toBeGreaterThan(1);
    const { model, close } = await openModelFolder(path);
    const [first, second] = model.parameters.values();
    expect((await readParameter(first)).length).toBe(40);
    await close();
    await expect(readParameter(second)).rejects.toThrow('is closed');
  });

  it('names a path that is no folder', async () => {
    await expect(openModelFolder(join(path, 'nowhere'))).rejects.toMatchObject({
      name: 'TampError',
      code: 'io',
    });
  });

  it('opens no file outside the folder', async () => {
    const folder = folderAt(path);
    expect(await folder.has('../config.json')).toBe(false);
    await expect(folder.open('../config.json')).rejects.toThrow('there is no such file');
  });
});
