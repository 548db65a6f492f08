import { resolve } from 'node:path';
import { TampError } from '@tamp/core';
import { type EndReason, generate } from '@tamp/generation';
import { amountText, bytesText, durationText } from '@tamp/report';
import { type Backend, startBackend } from '../backend.js';
import { exitCodes } from '../exit-codes.js';
import { openModelAt, shownPath } from '../host/open-model.js';
import { openTokenizerAt, tokenizerOf } from '../host/open-tokenizer.js';
import { readStandardInput } from '../host/read-text.js';
import { startWebGpu } from '../webgpu-backend.js';
import type { CommandContext } from './command-context.js';

/** What `tamp generate` computes with. */
export const generateBackends = ['cpu', 'webgpu'] as const;

/** Options of `tamp generate`. */
export interface GenerateCommandOptions {
  readonly prompt: string;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly seed: number;
  readonly stop?: readonly string[];
  readonly tokenizer?: string;
  readonly backend: (typeof generateBackends)[number];
  readonly threads?: number;
  readonly json?: boolean;
}

const endTexts: Readonly<Record<EndReason, string>> = {
  'end-token': 'the model ended it',
  stop: 'a stop text ended it',
  'max-tokens': 'as many as asked for',
  context: "the model's context is full",
};

function start({ backend, threads }: GenerateCommandOptions): Promise<Backend> {
  if (backend === 'cpu') return startBackend(threads);
  if (threads !== undefined) {
    throw new TampError('--threads is for the backend cpu', { code: 'usage', remedy: 'Leave it out.' });
  }
  return startWebGpu();
}

/** Continues a prompt on stdout as the tokens come; resolves with the exit code. */
export async function generateCommand(
  path: string,
  options: GenerateCommandOptions,
  context: CommandContext,
): Promise<number> {
  const { terminal, signal } = context;
  const prompt = options.prompt === '-' ? await readStandardInput(signal) : options.prompt;
  const opened = await openModelAt(resolve(path));
  const closing = [opened.close];
  try {
    let { model } = opened;
    if (options.tokenizer !== undefined) {
      const files = await openTokenizerAt(resolve(options.tokenizer));
      closing.push(files.close);
      model = { ...model, assets: new Map([...model.assets, ...files.assets]) };
    }
    const tokenizer = await tokenizerOf(model, 'Name the folder of its tokenizer with --tokenizer.');
    const backend = await start(options);
    closing.push(async () => backend.stop());

    const ids = tokenizer.encode(prompt, { addSpecialTokens: true });
    const { maxTokens, temperature, topK, topP, seed, stop } = options;
    const begun = performance.now();
    let promptSeconds = 0;
    const tokens: number[] = [];
    let text = '';
    let end: EndReason = 'max-tokens';
    const steps = generate(model, {
      prompt: ids,
      tokenizer,
      maxTokens,
      temperature,
      ...(topK === undefined ? {} : { topK }),
      ...(topP === undefined ? {} : { topP }),
      ...(stop === undefined ? {} : { stop }),
      seed,
      signal,
      onPrompt: (done, total) => {
        if (done === total) promptSeconds = (performance.now() - begun) / 1000;
      },
    });
    for await (const token of steps) {
      tokens.push(token.id);
      text += token.text;
      if (options.json !== true) terminal.stream(token.text);
      if (token.end !== undefined) end = token.end;
    }
    const seconds = (performance.now() - begun) / 1000;
    // The first token comes with the prompt's logits.
    const perSecond = tokens.length > 1 ? (tokens.length - 1) / (seconds - promptSeconds) : null;
    const peakMemoryBytes = process.resourceUsage().maxRSS * 1024;
    if (options.json === true) {
      const result = {
        model: opened.name,
        backend: backend.name,
        prompt,
        promptTokens: ids.length,
        text,
        tokens,
        end,
        promptSeconds,
        seconds,
        tokensPerSecond: perSecond,
        peakMemoryBytes,
      };
      terminal.result(JSON.stringify(result));
    } else {
      const rate = perSecond === null ? '' : `, ${perSecond.toFixed(1)} a second`;
      terminal.say(
        `\n${amountText(tokens.length, 'token')}: ${endTexts[end]}${rate}; ${amountText(ids.length, 'token')} of prompt with the weights in ${durationText(promptSeconds)}; ${shownPath(opened.name)} on ${backend.name}, at most ${bytesText(peakMemoryBytes)} of memory`,
      );
    }
    return exitCodes.done;
  } finally {
    for (const close of closing.reverse()) await close();
  }
}
