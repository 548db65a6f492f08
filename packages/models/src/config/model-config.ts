import { type AttributeValue, type ByteSource, readAll } from '@tamp/core';
import { malformedConfig } from './config-error.js';

/** A model's `config.json`: plain JSON. */
export type ModelConfig = Readonly<Record<string, AttributeValue>>;

/** Real ones have a few kilobytes. */
const maxConfigBytes = 4 * 2 ** 20;
const maxDepth = 32;

function asAttribute(value: unknown, field: string, depth: number, file: string): AttributeValue {
  if (depth > maxDepth) throw malformedConfig(file, field, 'is nested too deeply');
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return value;
  if (Array.isArray(value)) return value.map((item) => asAttribute(item, field, depth + 1, file));
  if (typeof value === 'object') return asRecord(value, field, depth, file);
  throw malformedConfig(file, field, 'is no JSON value');
}

function asRecord(value: object, field: string, depth: number, file: string): ModelConfig {
  const entries = Object.entries(value).map(
    ([key, item]) => [key, asAttribute(item, field === '' ? key : field, depth + 1, file)] as const,
  );
  return Object.fromEntries(entries);
}

/** Reads a `config.json`. Rejects with a `TampError` (`format`) when it is too large or no JSON object. */
export async function readModelConfig(source: ByteSource): Promise<ModelConfig> {
  const file = source.label;
  if (source.byteLength > maxConfigBytes) {
    throw malformedConfig(
      file,
      '',
      `has ${source.byteLength} bytes, more than the ${maxConfigBytes} allowed`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(await readAll(source)));
  } catch (cause) {
    if (!(cause instanceof SyntaxError || cause instanceof TypeError || cause instanceof RangeError))
      throw cause;
    throw malformedConfig(file, '', `is not JSON: ${cause.message}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw malformedConfig(file, '', 'is not a JSON object');
  }
  return asRecord(value, '', 0, file);
}
