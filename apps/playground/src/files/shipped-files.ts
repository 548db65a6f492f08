import type { ModelFiles } from '../engine/model-files.js';

const folder = 'tiny-llama';
const modelNames = [
  'config.json',
  'generation_config.json',
  'model.safetensors',
  'tokenizer.json',
  'tokenizer_config.json',
];
const textNames = ['eval.txt', 'calibration.txt'];

async function fetchFile(name: string): Promise<Blob> {
  const response = await fetch(`${folder}/${name}`);
  if (!response.ok) throw new Error(`${folder}/${name}: the server answers ${response.status}`);
  return response.blob();
}

async function fetchAll(names: readonly string[], prefix: string): Promise<ReadonlyMap<string, Blob>> {
  return new Map(
    await Promise.all(names.map(async (name) => [name, await fetchFile(prefix + name)] as const)),
  );
}

/** The trained Llama that comes with the page. */
export async function fetchShippedModel(): Promise<ModelFiles> {
  return { kind: 'folder', name: folder, files: await fetchAll(modelNames, 'model/') };
}

/** The texts that come with the page: to measure on, and to calibrate with. */
export function fetchShippedTexts(): Promise<ReadonlyMap<string, Blob>> {
  return fetchAll(textNames, '');
}
