export { checkpointParameters, type TensorSource } from './checkpoint/checkpoint-parameters.js';
export type { DecoderBiases, DecoderConfig } from './config/decoder-config.js';
export { type ModelConfig, readModelConfig } from './config/model-config.js';
export { buildCausalLanguageModel, causalLanguageModelFamilies } from './families/families.js';
export type { CausalLanguageModelFamily, ModuleTypes } from './families/family.js';
export { folderAtUrl, type UrlFolderOptions } from './folder-at-url.js';
export { type ChosenFile, folderOfFiles } from './folder-of-files.js';
export { folderOfNames } from './folder-of-names.js';
export { foreignFormat } from './foreign-format.js';
export type { ModelFolder } from './model-folder.js';
export { openModel } from './open-model.js';
export type { LinearScaling } from './rotary/linear-scaling.js';
export type { Llama3Scaling } from './rotary/llama3-scaling.js';
export {
  type RotaryConfig,
  type RotaryFrequencies,
  type RotaryScaling,
  rotaryFrequencies,
} from './rotary/rotary-frequencies.js';
export type { YarnScaling } from './rotary/yarn-scaling.js';
export { type ConvNetOptions, type ConvNetStage, createConvNet } from './sequential/conv-net.js';
export { createMlp, type MlpOptions } from './sequential/mlp.js';
export type { SequentialWeights } from './sequential/sequential-model.js';
export { loadTokenizer, type Tokenizer } from './tokenizer/tokenizer.js';
