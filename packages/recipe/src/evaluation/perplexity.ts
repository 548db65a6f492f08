import { createModelRunner, type Model, nextTask, TampError } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import { checkWindows, logitsOutput, tokensInput, vocabularyOf } from '../data/language-model.js';
import { type TextWindows, windowTokens } from '../data/text-windows.js';
import { nextTokenLoss } from './cross-entropy.js';
import { findNonFinite } from './non-finite-parameter.js';

/** Options of {@link measurePerplexity}. */
export interface PerplexityOptions {
  readonly signal?: AbortSignal;
  /** Windows done, of how many. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Windows that go through the model at a time. Default: as many as 32 MiB of logits allow, at most 8. */
  readonly batch?: number;
  /** Name of the text, for errors. */
  readonly file?: string;
}

/** A model's quality on a text. */
export interface PerplexityResult {
  /** exp of the mean loss. */
  readonly perplexity: number;
  /** Mean of −log p over all predicted tokens, in nats. */
  readonly loss: number;
  readonly windows: number;
  /** Predicted tokens: all but the first of each window. */
  readonly tokens: number;
}

/** Logits of one batch stay below this. */
const maxLogitsBytes = 32 * 2 ** 20;
const maxBatch = 8;

/** Windows that go through the model at a time. */
export function evaluationBatch(length: number, vocabulary: number): number {
  return Math.max(1, Math.min(maxBatch, Math.floor(maxLogitsBytes / (length * vocabulary * 4))));
}

/** Why a loss is no number: searched for only now, since it takes a look at every weight. */
async function lossProblem(problem: string, model: Model, file: string): Promise<TampError> {
  const culprit = await findNonFinite(model);
  if (culprit === undefined) {
    return new TampError(problem, {
      code: 'data',
      at: { file },
      remedy:
        'Its weights are finite, so values overflow on their way: check the model and the last modifier.',
    });
  }
  const { name, value, index } = culprit;
  return new TampError(`${problem}: value ${index} of this weight is ${value}`, {
    code: 'data',
    at: { file, layer: name },
    remedy: 'Fetch the model again, or look at what made it.',
  });
}

/**
 * Perplexity of a causal language model over windows of a text: exp of the mean loss over tokens 2 … L of each window.
 * Streams the windows in batches and frees all tensors, the model's too. Throws a `TampError` (`unsupported`) for
 * another kind of model and (`data`) when the loss is not finite; rejects with the signal's reason when aborted.
 */
export async function measurePerplexity(
  model: Model,
  windows: TextWindows,
  options: PerplexityOptions = {},
): Promise<PerplexityResult> {
  const { signal, onProgress, batch, file = 'text' } = options;
  checkWindows(model, windows, file);
  const vocabulary = vocabularyOf(model);
  const size = batch ?? evaluationBatch(windows.length, vocabulary);
  const runner = createModelRunner(model);
  let total = 0;
  try {
    for (let first = 0; first < windows.count; first += size) {
      signal?.throwIfAborted();
      const count = Math.min(size, windows.count - first);
      const ids = windowTokens(windows, first, count);
      const input = tf.tensor2d(ids, [count, windows.length], 'int32');
      let logits: Float32Array;
      try {
        const outputs = await runner.run(
          { [tokensInput]: input },
          { outputs: [logitsOutput], ...(signal === undefined ? {} : { signal }) },
        );
        const output = outputs[logitsOutput];
        try {
          logits = await output.data<'float32'>();
        } finally {
          output.dispose();
        }
      } finally {
        input.dispose();
      }
      const loss = nextTokenLoss(logits, ids, windows.length, vocabulary);
      if (!Number.isFinite(loss)) {
        const which = count === 1 ? `window ${first + 1}` : `windows ${first + 1} to ${first + count}`;
        throw await lossProblem(`the model's loss is ${loss} in ${which}`, model, file);
      }
      total += loss;
      onProgress?.(first + count, windows.count);
      await nextTask();
    }
  } finally {
    runner.dispose();
  }
  const tokens = windows.count * (windows.length - 1);
  const loss = total / tokens;
  return { perplexity: Math.exp(loss), loss, windows: windows.count, tokens };
}
