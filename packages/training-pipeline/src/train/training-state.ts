import { type Model, type Parameter, readParameter, TampError, type TrainedVariable } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import type { SavedTensor } from '../checkpoint/checkpoint.js';

/** A name no tfjs variable has yet. */
function freeName(wanted: string): string {
  const taken = tf.engine().registeredVariables;
  let name = wanted;
  for (let n = 1; name in taken; n++) name = `${wanted}_${n}`;
  return name;
}

/** A variable for each parameter. Throws a `TampError` (`usage`) for one that is quantized; frees what it made then. */
export async function parameterVariables(
  parameters: Iterable<Parameter>,
): Promise<ReadonlyMap<string, tf.Variable>> {
  const variables = new Map<string, tf.Variable>();
  try {
    for (const parameter of parameters) {
      const { name, shape, storage } = parameter;
      if (storage.kind !== 'dense') {
        throw new TampError('it is quantized and cannot be trained', {
          code: 'usage',
          at: { layer: name },
          remedy: 'Train the float model first.',
        });
      }
      const values = Float32Array.from(await readParameter(parameter));
      variables.set(
        name,
        tf.tidy(() => tf.variable(tf.tensor(values, [...shape]), true, freeName(name))),
      );
    }
    return variables;
  } catch (error) {
    for (const variable of variables.values()) variable.dispose();
    throw error;
  }
}

/** Names of the parameters that a model's graph uses. */
export function usedParameters(model: Model): readonly Parameter[] {
  const names = new Set(
    model.graph.nodes.flatMap((node) => (node.kind === 'parameter' ? [node.parameter] : [])),
  );
  return [...model.parameters.values()].filter(({ name }) => names.has(name));
}

/** Values of named variables. */
export async function saveVariables(
  variables: Iterable<readonly [string, tf.Variable]>,
): Promise<readonly SavedTensor[]> {
  const saved: SavedTensor[] = [];
  for (const [name, variable] of variables) {
    saved.push({ name, shape: [...variable.shape], values: Float32Array.from(await variable.data()) });
  }
  return saved;
}

/** Gives variables their saved values. Throws a `TampError` (`format`) when names or shapes are others. */
export function restoreVariables(
  variables: Iterable<readonly [string, tf.Variable]>,
  saved: readonly SavedTensor[],
): void {
  const own = [...variables];
  const describe = (name: string, shape: readonly number[]): string => `${name} [${shape.join(', ')}]`;
  const expected = own.map(([name, variable]) => describe(name, variable.shape)).join('; ');
  const found = saved.map(({ name, shape }) => describe(name, shape)).join('; ');
  if (expected !== found) {
    throw new TampError('the checkpoint is of another model or of other options', {
      code: 'format',
      remedy: `It has ${found || 'nothing'}; wanted ${expected || 'nothing'}.`,
    });
  }
  own.forEach(([, variable], i) => {
    tf.tidy(() => variable.assign(tf.tensor(saved[i].values, variable.shape)));
  });
}

/** Trained variables of all modifiers, under names that are unique among them. */
export function namedVariables(
  modifiers: readonly { readonly name: string; readonly variables: readonly TrainedVariable[] }[],
): readonly (readonly [string, tf.Variable])[] {
  return modifiers.flatMap(({ name, variables }, index) =>
    variables.map((trained) => [`${index} ${name} ${trained.name}`, trained.variable] as const),
  );
}
