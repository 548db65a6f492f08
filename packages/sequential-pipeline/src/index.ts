export {
  createIntermediateCache,
  type IntermediateCache,
} from './cache/intermediate-cache.js';
export { memoryStorage } from './cache/memory-storage.js';
export type { ValueStorage } from './cache/value-storage.js';
export { lintSubgraphs } from './partition/lint-subgraphs.js';
export { type PartitionOptions, partitionGraph } from './partition/partition-graph.js';
export { crossingName, type Subgraph } from './partition/subgraph.js';
export { runSequential } from './pipeline/run-sequential.js';
export type { SequentialOptions, SequentialProgress } from './pipeline/sequential-options.js';
export { chooseTargets, type TargetOptions } from './targets/choose-targets.js';
export { cutWarnings } from './targets/cut-warnings.js';
export { repeatedBlocks } from './targets/repeated-blocks.js';
