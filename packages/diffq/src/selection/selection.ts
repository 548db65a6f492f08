import { globToRegExp, TampError } from '@tamp/core';
import type * as tf from '@tensorflow/tfjs-core';

/** A trainable parameter with its dotted full name (`encoder.0.weight`). */
export interface NamedVariable {
  readonly name: string;
  readonly variable: tf.Variable;
}

/** Which parameters are quantized, and how the others are stored. */
export interface SelectionOptions {
  /** MiB of float32: a parameter is quantized when it has more than floor(minSize·2^20/4) elements. Default 0.01. */
  readonly minSize?: number;
  /** Store what is not quantized as float16 instead of float32. Default false. */
  readonly float16?: boolean;
  /** Globs over the bare parameter name or the dotted full name; `*` crosses dots. Default none. */
  readonly exclude?: readonly string[];
  /** Let a parameter that several names stand for be one: counted, stored and trained once. Default true. */
  readonly detectBound?: boolean;
}

/** A parameter that was chosen, with the other names it is bound to. */
export interface ChosenParameter extends NamedVariable {
  readonly boundNames: readonly string[];
}

/** Every parameter, sorted by what becomes of it. */
export interface Selection {
  readonly quantized: readonly ChosenParameter[];
  readonly float16: readonly ChosenParameter[];
  readonly others: readonly ChosenParameter[];
}

/** Parameters with those of one variable put together under the first name. */
function withoutTies(parameters: readonly NamedVariable[]): readonly ChosenParameter[] {
  const first = new Map<tf.Variable, { name: string; variable: tf.Variable; boundNames: string[] }>();
  for (const { name, variable } of parameters) {
    const known = first.get(variable);
    if (known === undefined) first.set(variable, { name, variable, boundNames: [] });
    else known.boundNames.push(name);
  }
  return [...first.values()];
}

/**
 * Sorts parameters. Throws a `TampError` (`usage`) for a minSize that is negative or no number, for an empty list, for
 * two different parameters of one name, and when nothing is left to quantize.
 */
export function selectParameters(parameters: readonly NamedVariable[], options: SelectionOptions): Selection {
  const { minSize = 0.01, float16 = false, exclude = [], detectBound = true } = options;
  if (!(minSize >= 0)) {
    throw new TampError(`minSize ${minSize} is not a size`, {
      code: 'usage',
      remedy: 'Give MiB, 0 or more.',
    });
  }
  const seen = new Set<string>();
  for (const { name } of parameters) {
    if (seen.has(name)) {
      throw new TampError('two parameters have this name', { code: 'usage', at: { layer: name } });
    }
    seen.add(name);
  }
  const threshold = Math.floor((minSize * 2 ** 20) / 4);
  const excluded = exclude.map(globToRegExp);
  const candidates: readonly ChosenParameter[] = detectBound
    ? withoutTies(parameters)
    : parameters.map((parameter) => ({ ...parameter, boundNames: [] }));
  const quantized: ChosenParameter[] = [];
  const rest: ChosenParameter[] = [];
  for (const parameter of candidates) {
    const bare = parameter.name.slice(parameter.name.lastIndexOf('.') + 1);
    const left = excluded.some((glob) => glob.test(bare) || glob.test(parameter.name));
    (left || parameter.variable.size <= threshold ? rest : quantized).push(parameter);
  }
  if (quantized.length === 0) {
    throw new TampError(`no parameter has more than ${threshold} elements and is not excluded`, {
      code: 'usage',
      remedy: 'Lower minSize or exclude less.',
    });
  }
  return { quantized, float16: float16 ? rest : [], others: float16 ? [] : rest };
}
