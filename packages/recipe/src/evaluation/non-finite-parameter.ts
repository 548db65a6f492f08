import { type Model, readParameter } from '@tamp/core';

/** A parameter that holds a value which is no number. */
export interface NonFiniteParameter {
  readonly name: string;
  /** The first such value: NaN, Infinity or -Infinity. */
  readonly value: number;
  /** Where it lies in the parameter's values, row by row. */
  readonly index: number;
}

/** Looks through a model's parameters one at a time, for the first that holds NaN or infinity. */
export async function findNonFinite(model: Model): Promise<NonFiniteParameter | undefined> {
  for (const parameter of model.parameters.values()) {
    const values = await readParameter(parameter);
    const index = values.findIndex((value) => !Number.isFinite(value));
    if (index !== -1) return { name: parameter.name, value: values[index], index };
  }
  return undefined;
}
