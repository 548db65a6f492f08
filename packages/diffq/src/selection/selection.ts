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

/** Anything that has a size and an identity, in place of a variable. */
interface Sized {
  readonly size: number;
}

interface Named<V extends Sized> {
  readonly name: string;
  readonly variable: V;
}

interface Chosen<V extends Sized> extends Named<V> {
  readonly boundNames: readonly string[];
}

/** A parameter that was chosen, with the other names it is bound to. */
export type ChosenParameter = Chosen<tf.Variable>;

/** Every parameter, sorted by what becomes of it. */
export interface Selection<V extends Sized = tf.Variable> {
  readonly quantized: readonly Chosen<V>[];
  readonly float16: readonly Chosen<V>[];
  readonly others: readonly Chosen<V>[];
}

/** Parameters with those of one variable put together under the first name. */
function withoutTies<V extends Sized>(parameters: readonly Named<V>[]): readonly Chosen<V>[] {
  const first = new Map<V, { name: string; variable: V; boundNames: string[] }>();
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
export function selectParameters<V extends Sized>(
  parameters: readonly Named<V>[],
  options: SelectionOptions,
): Selection<V> {
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
  const candidates: readonly Chosen<V>[] = detectBound
    ? withoutTies(parameters)
    : parameters.map((parameter) => ({ ...parameter, boundNames: [] }));
  const quantized: Chosen<V>[] = [];
  const rest: Chosen<V>[] = [];
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
