import { lintGraph, type Model, TampError } from '@tamp/core';
import type { TextWindows } from './text-windows.js';

/** Names that causal language models give to what text goes through. */
export const tokensInput = 'input_ids';
export const logitsOutput = 'logits';

/** Size of the vocabulary of a causal language model; throws a `TampError` (`unsupported`) for another model. */
export function vocabularyOf(model: Model): number {
  const types = lintGraph(model.graph);
  const output = model.graph.nodes.find((node) => node.kind === 'output' && node.name === logitsOutput);
  const inputs = model.graph.nodes.filter((node) => node.kind === 'input');
  const type = output?.kind === 'output' ? types.get(output.input) : undefined;
  const vocabulary = type?.shape.at(-1);
  const fits = inputs.length === 1 && inputs[0].name === tokensInput && type?.shape.length === 3;
  if (!fits || vocabulary === undefined || vocabulary === null) {
    throw new TampError(`text cannot flow through ${model.architecture}: it is no causal language model`, {
      code: 'unsupported',
      remedy: `Use a model with the input ${tokensInput} and the output ${logitsOutput}, or leave out the text.`,
    });
  }
  return vocabulary;
}

/** Throws a `TampError` unless a model can read the windows: its context is long enough and it knows every token. */
export function checkWindows(model: Model, windows: TextWindows, file: string): void {
  const vocabulary = vocabularyOf(model);
  const context = model.config.max_position_embeddings;
  if (typeof context === 'number' && windows.length > context) {
    throw new TampError(
      `windows of ${windows.length} tokens are longer than the model's context of ${context}`,
      {
        code: 'data',
        at: { file },
        remedy: `Choose a sequenceLength of at most ${context}.`,
      },
    );
  }
  const unknown = windows.ids.find((id) => id < 0 || id >= vocabulary);
  if (unknown !== undefined) {
    throw new TampError(`token ${unknown} is outside the model's vocabulary of ${vocabulary}`, {
      code: 'data',
      at: { file },
      remedy: 'The tokenizer belongs to another model: name the right one with tokenizer.',
    });
  }
}
