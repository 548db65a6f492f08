import { describe, expect, it } from 'vitest';
import { sortFiles } from '../src/files/sort-files.js';

const named = (...paths: string[]): { path: string; file: Blob }[] =>
  paths.map((path) => ({ path, file: new Blob([path]) }));

describe('sortFiles', () => {
  it('takes the outermost folder with a config.json, and texts and samples beside it', () => {
    const { model, files } = sortFiles(
      named(
        'qwen/onnx/config.json',
        'qwen/config.json',
        'qwen/model.safetensors',
        'qwen/tokenizer.json',
        'qwen/words.txt',
        'data/samples.safetensors',
      ),
    );
    expect(model).toMatchObject({ kind: 'folder', name: 'qwen' });
    expect(model?.kind === 'folder' && [...model.files.keys()]).toEqual([
      'config.json',
      'model.safetensors',
      'tokenizer.json',
      'words.txt',
    ]);
    expect([...files.keys()]).toEqual(['words.txt', 'samples.safetensors']);
  });

  it('takes files without a folder', () => {
    expect(sortFiles(named('config.json', 'model.safetensors')).model).toMatchObject({
      name: 'chosen files',
    });
  });

  it('takes an archive with its parts in their order', async () => {
    const { model } = sortFiles(named('a.part-0002.tamp.zip', 'a.tamp.zip', 'a.part-0001.tamp.zip'));
    expect(model).toMatchObject({ kind: 'archive', name: 'a.tamp.zip' });
    const parts = model?.kind === 'archive' ? model.parts : [];
    expect(await Promise.all(parts.map((part) => part.text()))).toEqual([
      'a.tamp.zip',
      'a.part-0001.tamp.zip',
      'a.part-0002.tamp.zip',
    ]);
  });

  it('takes texts alone without a model, and a model of another format so that it can be refused', () => {
    expect(sortFiles(named('my.txt'))).toEqual({ files: new Map([['my.txt', expect.any(Blob)]]) });
    expect(sortFiles(named('m/model.onnx', 'm/words.txt')).model).toMatchObject({
      kind: 'folder',
      name: 'm',
    });
  });
});
