import { z } from 'zod';
import { malformedConfig, unsupportedConfig } from '../config/config-error.js';
import type { ModelConfig } from '../config/model-config.js';
import { parseConfig } from '../config/parse-config.js';
import type { RotaryConfig, RotaryScaling } from './rotary-frequencies.js';

const positive = z.number().positive();
const factor = z.number().min(1);
const positions = z
  .number()
  .int()
  .min(1)
  .max(2 ** 30);

const linearSchema = z.looseObject({ factor });
const llama3Schema = z.looseObject({ factor, low_freq_factor: positive, high_freq_factor: positive });
const yarnSchema = z.looseObject({
  factor: factor.nullish(),
  attention_factor: positive.nullish(),
  beta_fast: z.number().min(0).nullish(),
  beta_slow: z.number().min(0).nullish(),
  mscale: z.number().min(0).nullish(),
  mscale_all_dim: z.number().min(0).nullish(),
  truncate: z.boolean().nullish(),
});

/** transformers' default where a config has no `rope_theta`. */
const defaultTheta = 10000;
const knownTypes = ['default', 'linear', 'llama3', 'yarn'];

/** A field of a config as an object; undefined when it is absent or null. */
function objectField(config: ModelConfig, field: string, file: string): ModelConfig | undefined {
  const value = config[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'object' || Array.isArray(value))
    throw malformedConfig(file, field, 'is not an object');
  return value as ModelConfig;
}

/** The rotary parameters and the field they stand in: `rope_parameters` (transformers 5) or `rope_scaling` (4). */
function rotaryField(config: ModelConfig, file: string): { field: string; parameters: ModelConfig } {
  for (const field of ['rope_parameters', 'rope_scaling']) {
    const parameters = objectField(config, field, file);
    if (parameters === undefined) continue;
    const nested = Object.keys(parameters).find((key) => {
      const value = parameters[key];
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    });
    if (nested !== undefined) {
      throw unsupportedConfig(
        file,
        `${field}.${nested}`,
        'rotary parameters that differ by layer are not supported',
        'Use a model whose layers share one rotary embedding.',
      );
    }
    return { field, parameters };
  }
  return { field: 'rope_scaling', parameters: {} };
}

function originalPositions(
  config: ModelConfig,
  parameters: ModelConfig,
  maxPositions: number | undefined,
  file: string,
): number {
  // transformers lets the field of the model win over that of the rotary parameters.
  const given =
    config.original_max_position_embeddings ?? parameters.original_max_position_embeddings ?? maxPositions;
  const result = positions.safeParse(given);
  if (result.success) return result.data;
  throw malformedConfig(file, 'original_max_position_embeddings', 'must be a positive whole number');
}

function readScaling(
  type: string,
  config: ModelConfig,
  parameters: ModelConfig,
  field: string,
  maxPositions: number | undefined,
  file: string,
): RotaryScaling {
  const where = `${file}, ${field}`;
  switch (type) {
    case 'default':
      return { kind: 'none' };
    case 'linear':
      return { kind: 'linear', factor: parseConfig(linearSchema, parameters, where).factor };
    case 'llama3': {
      const fields = parseConfig(llama3Schema, parameters, where);
      if (fields.high_freq_factor <= fields.low_freq_factor) {
        throw malformedConfig(file, `${field}.high_freq_factor`, 'must be larger than low_freq_factor');
      }
      return {
        kind: 'llama3',
        factor: fields.factor,
        lowFrequencyFactor: fields.low_freq_factor,
        highFrequencyFactor: fields.high_freq_factor,
        originalPositions: originalPositions(config, parameters, maxPositions, file),
      };
    }
    case 'yarn': {
      const fields = parseConfig(yarnSchema, parameters, where);
      const original = originalPositions(config, parameters, maxPositions, file);
      const implied = maxPositions === undefined ? undefined : maxPositions / original;
      const stretch = fields.factor ?? implied;
      if (stretch === undefined || stretch < 1) {
        throw malformedConfig(file, `${field}.factor`, 'must be a number of at least 1');
      }
      return {
        kind: 'yarn',
        factor: stretch,
        originalPositions: original,
        // Zero counts as absent here, as it does in transformers.
        betaFast: fields.beta_fast || 32,
        betaSlow: fields.beta_slow || 1,
        truncate: fields.truncate ?? true,
        attentionFactor: fields.attention_factor ?? undefined,
        mscale: fields.mscale ?? undefined,
        mscaleAllDimensions: fields.mscale_all_dim ?? undefined,
      };
    }
    default:
      throw unsupportedConfig(
        file,
        `${field}.rope_type`,
        `the rotary scaling ${type} is not supported`,
        `Use a model with one of: ${knownTypes.join(', ')}.`,
      );
  }
}

/**
 * The rotary embedding of a config: `rope_parameters` with `rope_theta` inside as transformers 5 writes it, or
 * `rope_theta` and `rope_scaling` (with `rope_type` or `type`) as transformers 4 does. Where a yarn config gives both
 * a factor and the lengths of the contexts, the factor holds, as in transformers 5.
 * Throws a `TampError`: `unsupported` for a type we have not, `format` for values that make no sense.
 */
export function readRotaryConfig(
  config: ModelConfig,
  headSize: number,
  maxPositions: number | undefined,
  file: string,
): RotaryConfig {
  const { field, parameters } = rotaryField(config, file);
  const theta = parameters.rope_theta ?? config.rope_theta ?? defaultTheta;
  if (typeof theta !== 'number' || !(theta > 1) || theta > 1e15) {
    throw malformedConfig(file, 'rope_theta', 'must be a number larger than 1');
  }
  const partial = parameters.partial_rotary_factor ?? config.partial_rotary_factor ?? 1;
  if (partial !== 1) {
    throw unsupportedConfig(
      file,
      'partial_rotary_factor',
      'heads that are rotated only in part are not supported',
      'Use a model that rotates whole heads.',
    );
  }
  const type = parameters.rope_type ?? parameters.type ?? 'default';
  if (typeof type !== 'string') throw malformedConfig(file, `${field}.rope_type`, 'is not a string');
  return { headSize, theta, scaling: readScaling(type, config, parameters, field, maxPositions, file) };
}
