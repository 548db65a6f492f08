import { type Graph, type Model, TampError } from '@tamp/core';
import { openCheckpoint } from '@tamp/safetensors';
import { openAssets } from './assets.js';
import { checkWeights } from './checkpoint/check-weights.js';
import { checkpointParameters } from './checkpoint/checkpoint-parameters.js';
import { architectureOf } from './config/architecture.js';
import { type ModelConfig, readModelConfig } from './config/model-config.js';
import { buildCausalLanguageModel, causalLanguageModelFamilies } from './families/families.js';
import type { ModelFolder } from './model-folder.js';
import { buildConvNet, convNetArchitecture } from './sequential/conv-net.js';
import { buildMlp, mlpArchitecture } from './sequential/mlp.js';

type GraphOfConfig = (config: ModelConfig, file: string) => Graph;

const graphs: ReadonlyMap<string, GraphOfConfig> = new Map<string, GraphOfConfig>([
  ...causalLanguageModelFamilies.map(
    ({ architecture }) =>
      [
        architecture,
        (config: ModelConfig, file: string) => buildCausalLanguageModel(config, architecture, file),
      ] as const,
  ),
  [mlpArchitecture, buildMlp],
  [convNetArchitecture, buildConvNet],
]);

/**
 * Opens a model as `transformers` saves one: `config.json`, `model.safetensors` or the shards of
 * `model.safetensors.index.json`, and the tokenizer and other side files, which become the model's assets. Weights
 * are read when a run first needs them. Rejects with a `TampError` before any weight is read: `unsupported` for an
 * architecture or a setting that tamp has not (it lists those there are), `format` for damaged files and for weights
 * that are missing, misshapen or left over.
 */
export async function openModel(folder: ModelFolder): Promise<Model> {
  if (!(await folder.has('config.json'))) {
    throw new TampError('has no config.json', {
      code: 'io',
      at: { file: folder.label },
      remedy: 'Name a folder that transformers saved with save_pretrained().',
    });
  }
  const configSource = await folder.open('config.json');
  const config = await readModelConfig(configSource);
  const architecture = architectureOf(config, configSource.label);
  const build = graphs.get(architecture);
  if (build === undefined) {
    throw new TampError(`models of the architecture ${architecture} are not supported`, {
      code: 'unsupported',
      at: { file: configSource.label },
      remedy: `Use a model of one of these: ${[...graphs.keys()].join(', ')}.`,
    });
  }
  const graph = build(config, configSource.label);
  const checkpoint = await openCheckpoint(
    async (name) => ((await folder.has(name)) ? folder.open(name) : undefined),
    { label: folder.label },
  );
  checkWeights(graph, checkpoint.tensors, folder.label, checkpoint.unmapped);
  const names = graph.nodes.flatMap((node) => (node.kind === 'parameter' ? [node.parameter] : []));
  return {
    graph,
    parameters: checkpointParameters(checkpoint, names),
    architecture,
    config,
    assets: await openAssets(folder),
  };
}
