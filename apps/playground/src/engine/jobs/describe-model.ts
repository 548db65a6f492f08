import { elementCount } from '@tamp/core';
import { modelBytes } from '@tamp/recipe';
import { openModelFiles } from '../host/open-model-files.js';
import type { ModelFiles } from '../model-files.js';

/** What a person wants to know of a model. */
export interface ModelSummary {
  readonly name: string;
  readonly architecture: string;
  /** Number of weights. */
  readonly parameters: number;
  /** Bytes of the weights as they are stored. */
  readonly bytes: number;
  readonly hasTokenizer: boolean;
}

/** Opens a model and reads its description, not its weights. */
export async function describeModel(files: ModelFiles): Promise<ModelSummary> {
  const model = await openModelFiles(files);
  let parameters = 0;
  for (const { shape } of model.parameters.values()) parameters += elementCount(shape);
  return {
    name: files.name,
    architecture: model.architecture,
    parameters,
    bytes: modelBytes(model),
    hasTokenizer: model.assets.has('tokenizer.json'),
  };
}
