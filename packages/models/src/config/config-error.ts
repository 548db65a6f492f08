import { TampError } from '@tamp/core';

/** What a model's `config.json` says that we cannot work with; `field` is its key. */
export function unsupportedConfig(file: string, field: string, problem: string, remedy: string): TampError {
  return new TampError(`${field}: ${problem}`, { code: 'unsupported', at: { file }, remedy });
}

/** A value in a `config.json` that no model can have. */
export function malformedConfig(file: string, field: string, problem: string): TampError {
  return new TampError(`${field === '' ? '' : `${field}: `}${problem}`, {
    code: 'format',
    at: { file },
    remedy: 'Fetch config.json again from where the model came from.',
  });
}
