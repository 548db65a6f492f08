import {
  type Graph,
  type InputNode,
  int8Activation,
  lintGraph,
  nodesByName,
  type OperatorNode,
  type OutputNode,
  operators,
  TampError,
  usersByName,
  type ValueType,
} from '@tamp/core';

/** What a causal decoder's graph has. */
export interface CausalDecoder {
  readonly graph: Graph;
  readonly tokens: InputNode;
  readonly logits: OutputNode;
  readonly vocabulary: number;
  readonly attentions: readonly OperatorNode[];
  /** The value from which on the way to the logits each position goes by itself. */
  readonly lastShared: string;
  readonly types: ReadonlyMap<string, ValueType>;
}

function refuse(problem: string, layer?: string): never {
  throw new TampError(`no text can be generated: ${problem}`, {
    code: 'unsupported',
    ...(layer === undefined ? {} : { at: { layer } }),
    remedy:
      'Use a causal language model, such as the Llama, Mistral and Qwen2 models that @tamp/models opens.',
  });
}

/** The one input of token ids. */
function tokensOf(graph: Graph): InputNode {
  const inputs = graph.nodes.filter((node) => node.kind === 'input');
  const [tokens] = inputs;
  if (inputs.length !== 1 || tokens.type.dtype !== 'int32' || tokens.type.shape.length !== 2) {
    refuse('the model must have one input, of token ids [batch, sequence]');
  }
  return tokens;
}

/** The one output of logits and the size of the vocabulary. */
function logitsOf(
  graph: Graph,
  types: ReadonlyMap<string, ValueType>,
): { readonly output: OutputNode; readonly vocabulary: number } {
  const outputs = graph.nodes.filter((node) => node.kind === 'output');
  const [output] = outputs;
  const type = output === undefined ? undefined : types.get(output.input);
  const vocabulary = type?.shape.at(-1) ?? null;
  if (outputs.length !== 1 || type?.shape.length !== 3 || vocabulary === null) {
    refuse('the model must have one output, of logits [batch, sequence, vocabulary]');
  }
  return { output, vocabulary };
}

/** Refuses a graph in which new positions cannot be computed from themselves, the cache and their number alone. */
function checkPositions(graph: Graph, tokens: InputNode, types: ReadonlyMap<string, ValueType>): void {
  const flowing = new Set([tokens.name]);
  for (const node of graph.nodes) {
    if (node.kind !== 'operator' || !node.inputs.some((input) => flowing.has(input))) continue;
    flowing.add(node.name);
    const { positionwise } = operators.get(node.operator);
    if (node.operator === 'rotary_embedding') {
      if (node.inputs.length > 1) refuse('a rotary embedding has positions of its own', node.name);
    } else if (node.operator !== 'attention' && positionwise !== true) {
      refuse(`the operator ${node.operator} mixes positions`, node.name);
    }
    const shape = types.get(node.name)?.shape ?? [];
    if (shape.length < 3 || shape[0] !== null || shape[1] !== null) {
      refuse(`a value of shape [${shape.map((size) => size ?? 'any').join(', ')}] is no sequence`, node.name);
    }
  }
  for (const node of graph.nodes) {
    if (node.kind !== 'operator' || node.operator !== 'attention') continue;
    if (!node.inputs.every((input) => flowing.has(input))) {
      refuse('an attention reads something else than the sequence', node.name);
    }
    if (node.attributes.causal === false) refuse('its attention is not causal', node.name);
  }
}

/** Whether the operator gives a row the same result alone as among others. */
function independentRows({ operator, attributes }: OperatorNode): boolean {
  if (operators.get(operator).positionwise !== true) return false;
  return operator !== 'int8_linear' || int8Activation(attributes.activation, operator).kind !== 'tensor';
}

/** The earliest value from which on the way to the output is one line of operators that see each row by itself. */
function lastShared(graph: Graph, output: OutputNode): string {
  const nodes = nodesByName(graph);
  const users = usersByName(graph);
  let value = output.input;
  for (;;) {
    const node = nodes.get(value);
    if (node?.kind !== 'operator' || !independentRows(node)) return value;
    const sources = node.inputs.filter((input) => nodes.get(input)?.kind === 'operator');
    const [source] = sources;
    if (sources.length !== 1 || users.get(source)?.length !== 1) return value;
    value = source;
  }
}

/** Reads a graph as a causal decoder; throws a `TampError` (`unsupported`) that says why it is none. */
export function causalDecoder(graph: Graph): CausalDecoder {
  const types = lintGraph(graph);
  const tokens = tokensOf(graph);
  const { output, vocabulary } = logitsOf(graph, types);
  const attentions = graph.nodes.filter(
    (node): node is OperatorNode => node.kind === 'operator' && node.operator === 'attention',
  );
  if (attentions.length === 0) refuse('the model has no attention');
  checkPositions(graph, tokens, types);
  return {
    graph,
    tokens,
    logits: output,
    vocabulary,
    attentions,
    lastShared: lastShared(graph, output),
    types,
  };
}
