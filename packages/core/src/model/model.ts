import type { ByteSource } from '../bytes/byte-source.js';
import type { AttributeValue, Graph } from '../graph/graph.js';
import type { Parameter } from '../parameters/parameter.js';

/** A model: a graph, its named parameters, and the files that travel along. Never changed in place. */
export interface Model {
  readonly graph: Graph;
  /** By name. Holds every parameter the graph uses. */
  readonly parameters: ReadonlyMap<string, Parameter>;
  /** The model's class as its source names it (`LlamaForCausalLM`), or a word for other models. */
  readonly architecture: string;
  /** The model's configuration, as its source wrote it. */
  readonly config: Readonly<Record<string, AttributeValue>>;
  /** Other files of the model by relative path (`tokenizer.json`, `generation_config.json`). */
  readonly assets: ReadonlyMap<string, ByteSource>;
}
