export {
  type CachedDecoder,
  createCachedDecoder,
  type Decoding,
  type DecodingOptions,
} from './decoding/cached-decoder.js';
export {
  createGenerator,
  type GeneratedToken,
  type Generator,
  type GeneratorOptions,
  generate,
} from './generate.js';
export { type CachedGraph, type CacheSlot, cachedGraph } from './graph/cached-graph.js';
export type { EndReason, GenerateOptions, SamplingOptions } from './options.js';
export { createSampler, type Sampler } from './sampling/sampler.js';
export { createStreamingText, type StreamingText } from './text/streaming-text.js';
export type { TextTokenizer } from './text/text-tokenizer.js';
