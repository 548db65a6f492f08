import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readAll, readParameter, TampError } from '@tamp/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ChosenFile, folderAtUrl, folderOfFiles, openModel } from '../src/index.js';
import { randomFolder } from './memory-folder.js';

const config = {
  hidden_size: 8,
  intermediate_size: 4,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  vocab_size: 6,
  rms_norm_eps: 1e-5,
};

function chosen(content: Uint8Array | string, path: string): ChosenFile {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const part = typeof content === 'string' ? content : new Uint8Array(content);
  return Object.assign(new File([part], name), path === name ? {} : { webkitRelativePath: path });
}

async function modelFiles(): ReturnType<typeof randomFolder> {
  const made = await randomFolder(config, 'LlamaForCausalLM');
  made.files.set('tokenizer_config.json', '{}');
  return made;
}

describe('a folder of chosen files', () => {
  it('opens as a model: one with paths, and one file by file', async () => {
    const { files, tensors } = await modelFiles();
    for (const prefix of ['tiny/', '']) {
      const folder = folderOfFiles([...files].map(([name, content]) => chosen(content, prefix + name)));
      const model = await openModel(folder);
      const [{ name, values }] = tensors;
      const parameter = model.parameters.get(name);
      expect(parameter && (await readParameter(parameter))).toEqual(values);
      expect([...model.assets.keys()]).toEqual(['tokenizer_config.json']);
      expect(folder.label).toBe(prefix === '' ? 'the chosen files' : 'tiny');
    }
  });

  it('takes the model nearest to the top, and nothing of other folders', async () => {
    const folder = folderOfFiles(
      ['all/b/onnx/config.json', 'all/b/config.json', 'all/b/vocab.json', 'all/readme.md'].map((path) =>
        chosen(path, path),
      ),
    );
    expect(await folder.list()).toEqual(['config.json', 'vocab.json']);
    expect(new TextDecoder().decode(await readAll(await folder.open('config.json')))).toBe(
      'all/b/config.json',
    );
    await expect(folder.open('readme.md')).rejects.toThrow(/all\/b\/readme\.md.*no such file/);
  });

  it('is refused when it is empty, ambiguous or has no config.json', async () => {
    expect(() => folderOfFiles([])).toThrow(/no file was chosen/);
    expect(() => folderOfFiles([chosen('a', 'config.json'), chosen('b', 'config.json')])).toThrow(
      /two of the chosen files are named config\.json/,
    );
    await expect(openModel(folderOfFiles([chosen('', 'x/model.safetensors')]))).rejects.toThrow(
      /x: has no config\.json/,
    );
  });
});

describe('a folder at a URL', () => {
  let server: Server;
  let base: string;
  let names: string[];
  let ranges = 0;
  beforeAll(async () => {
    const { files } = await modelFiles();
    names = [...files.keys()];
    server = createServer((request, response) => {
      const content = files.get(decodeURIComponent((request.url ?? '').replace('/models/tiny%20llama/', '')));
      if (content === undefined) return response.writeHead(404).end();
      const bytes = Buffer.from(content);
      const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
      if (range === null) return response.end(bytes);
      ranges++;
      const [start, end] = [Number(range[1]), Math.min(Number(range[2]) + 1, bytes.length)];
      const headers = { 'content-range': `bytes ${start}-${end - 1}/${bytes.length}` };
      return response.writeHead(206, headers).end(bytes.subarray(start, end));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/models/tiny%20llama`;
  });
  afterAll(() => server.close());

  it.each(['', '/'])('opens as a model by ranges (URL ends in "%s")', async (slash) => {
    ranges = 0;
    const model = await openModel(folderAtUrl(base + slash, { files: names }));
    const parameter = model.parameters.get('model.norm.weight');
    expect(parameter && (await readParameter(parameter)).length).toBe(8);
    expect(ranges).toBeGreaterThan(3);
  });

  it('reports a file that the server lacks by its address', async () => {
    const files = [...names, 'vocab.json'];
    await expect(openModel(folderAtUrl(base, { files }))).rejects.toThrow(
      /tiny%20llama\/vocab\.json.*status 404/,
    );
  });

  it('refuses what is no URL', () => {
    expect(() => folderAtUrl('models/tiny', { files: [] })).toThrow(TampError);
  });
});
