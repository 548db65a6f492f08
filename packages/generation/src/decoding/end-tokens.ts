import { type Model, readAll, TampError } from '@tamp/core';

const generationConfig = 'generation_config.json';
/** Real ones have some hundred bytes. */
const maxBytes = 2 ** 20;

function endTokensOf(value: unknown, file: string): readonly number[] {
  if (value === undefined || value === null) return [];
  return (Array.isArray(value) ? value : [value]).map((id: unknown) => {
    if (typeof id === 'number' && Number.isSafeInteger(id) && id >= 0) return id;
    throw new TampError(`eos_token_id is ${JSON.stringify(value)}`, {
      code: 'format',
      at: { file },
      remedy: 'It must be a token id or a list of them; the option endTokens takes its place.',
    });
  });
}

/**
 * The tokens that end a text: `eos_token_id` of the model's asset `generation_config.json`, else of its configuration;
 * none where neither has one. Rejects with a `TampError` (`format`) when that is no token id or the file is damaged.
 */
export async function readEndTokens(model: Model): Promise<readonly number[]> {
  const source = model.assets.get(generationConfig);
  if (source !== undefined) {
    if (source.byteLength > maxBytes) {
      throw new TampError(`has ${source.byteLength} bytes, more than the ${maxBytes} allowed`, {
        code: 'format',
        at: { file: source.label },
        remedy: 'Fetch the file again from where the model came from.',
      });
    }
    let settings: unknown;
    try {
      settings = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(await readAll(source)));
    } catch (cause) {
      if (!(cause instanceof SyntaxError || cause instanceof TypeError)) throw cause;
      throw new TampError('is not JSON', {
        code: 'format',
        at: { file: source.label },
        remedy: 'Fetch the file again from where the model came from.',
        cause,
      });
    }
    if (typeof settings === 'object' && settings !== null && 'eos_token_id' in settings) {
      return endTokensOf(settings.eos_token_id, source.label);
    }
  }
  return endTokensOf(model.config.eos_token_id, 'config.json');
}
