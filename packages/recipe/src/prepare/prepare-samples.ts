import { type Model, TampError } from '@tamp/core';
import type { LabelledData, SampleArray } from '@tamp/training-pipeline';
import type { RecipeDocument, RecipePath } from '../document/recipe-document.js';
import { problemAt } from '../errors/locate-problem.js';
import type { RecipeHost } from '../host.js';
import type { Recipe } from '../schema/recipe-schema.js';
import type { LabelledSource } from '../schema/training-schema.js';
import type { TensorData } from '../tensor-data.js';
import type { ReadyModifier } from './prepare-modifiers.js';

/** A recipe's labelled samples, those that a run reads. */
export interface RecipeSamples {
  readonly trainingData?: LabelledData;
  /** The samples to train with, where modifiers calibrate and there is no text for that. */
  readonly calibrationData?: LabelledData;
  readonly validationData?: LabelledData;
}

/** Tensor names by the names of the model's inputs. */
function inputNames({ inputs }: LabelledSource, model: Model): Readonly<Record<string, string>> {
  const own = model.graph.nodes.flatMap((node) => (node.kind === 'input' ? [node.name] : []));
  const named = typeof inputs === 'string' ? Object.fromEntries(own.map((name) => [name, inputs])) : inputs;
  const wrong =
    own.find((name) => named[name] === undefined) ?? Object.keys(named).find((name) => !own.includes(name));
  if (wrong === undefined && (typeof inputs !== 'string' || own.length === 1)) return named;
  throw new TampError(`the model has the inputs ${own.join(', ')}`, {
    code: 'usage',
    remedy: `Name one tensor for each: inputs: { ${own.map((name) => `${name}: …`).join(', ')} }.`,
  });
}

function cutRows({ shape, values }: TensorData, name: string, rows: LabelledSource['rows']): TensorData {
  const count = shape[0] ?? 0;
  const [from, to] = rows ?? [0, count];
  if (from >= to || to > count) {
    throw new TampError(`rows ${from} to ${to} are not among the ${count} of ${name}`, {
      code: 'usage',
      remedy: 'The second is not included; the first sample is 0.',
    });
  }
  const size = shape.slice(1).reduce((product, dimension) => product * dimension, 1);
  return { shape: [to - from, ...shape.slice(1)], values: values.subarray(from * size, to * size) };
}

/** Throws a `TampError` (`data`) that names the first sample with a value that is no number or infinite. */
function checkFiniteSamples({ shape, values }: TensorData, name: string, firstRow: number): void {
  if (!(values instanceof Float32Array)) return;
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad === -1) return;
  const sample = firstRow + Math.floor((bad * (shape[0] ?? 1)) / values.length);
  throw new TampError(`sample ${sample} of ${name} holds ${values[bad]}`, {
    code: 'data',
    remedy: 'Take out samples with NaN or infinite values, or repair them.',
  });
}

function samplesOf(
  source: LabelledSource,
  tensors: ReadonlyMap<string, TensorData>,
  model: Model,
): LabelledData {
  const take = (name: string): TensorData => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new TampError(`${source.file} lacks ${name}`, { code: 'format' });
    const cut = cutRows(tensor, name, source.rows);
    checkFiniteSamples(cut, name, source.rows?.[0] ?? 0);
    return cut;
  };
  const labels = take(source.labels);
  const inputs: Record<string, SampleArray> = {};
  for (const [input, name] of Object.entries(inputNames(source, model))) {
    const array = take(name);
    if (array.shape[0] !== labels.shape[0]) {
      throw new TampError(`${name} has ${array.shape[0]} samples, and ${source.labels} ${labels.shape[0]}`, {
        code: 'data',
        remedy: 'Give every sample a label.',
      });
    }
    checkFits(model, input, name, array.shape);
    inputs[input] = { ...array, scale: source.scale };
  }
  return { inputs, labels };
}

/** Checks that samples fill the model's input; they may be shaped otherwise. */
function checkFits(model: Model, input: string, name: string, shape: readonly number[]): void {
  const node = model.graph.nodes.find((one) => one.kind === 'input' && one.name === input);
  if (node?.kind !== 'input') return;
  const wanted = node.type.shape.slice(1);
  const size = (list: readonly (number | null)[]): number =>
    list.reduce<number>((product, dimension) => product * (dimension ?? Number.NaN), 1);
  if (size(wanted) === size(shape.slice(1))) return;
  throw new TampError(
    `samples of ${name} have shape [${shape.slice(1).join(', ')}], and the model wants [${wanted.map((dimension) => dimension ?? 'any').join(', ')}]`,
    { code: 'usage' },
  );
}

/** What is missing of a recipe that trains, or in the wrong order; all that can be said without the model. */
export function trainingProblems(
  ready: readonly ReadyModifier[],
  document: RecipeDocument,
): readonly TampError[] {
  const problems: TampError[] = [];
  const usage = (path: RecipePath, modifier: string | undefined, problem: string, remedy: string): void => {
    const at = { ...document.locate(path), ...(modifier === undefined ? {} : { modifier }) };
    problems.push(new TampError(problem, { code: 'usage', at, remedy }));
  };
  const trains = document.at(['training']) !== undefined;
  const hasData = document.at(['data', 'training']) !== undefined;
  const learners = ready.filter(({ modifier }) => modifier.needs === 'training');
  for (const { index, name } of learners) {
    const path = ['modifiers', index, 'use'];
    if (!trains) usage(path, name, 'it learns, and the recipe does not say how to train', 'Give training.');
    if (!hasData) usage(path, name, 'it learns, and there are no labelled samples', 'Give data.training.');
    const before = ready.find((other) => other.index < index && other.modifier.needs !== 'training');
    if (before !== undefined) {
      usage(
        path,
        name,
        `it learns, and ${before.name} before it has changed the model by then`,
        'Put modifiers that learn first.',
      );
    }
  }
  if (trains && !hasData && learners.length === 0) {
    usage(['training'], undefined, 'there are no labelled samples to train with', 'Give data.training.');
  }
  return problems;
}

/** Reads a recipe's labelled samples; adds what is wrong to `problems`. */
export async function readSamples(
  recipe: Recipe,
  wanted: { readonly calibration: boolean; readonly evaluation: boolean },
  model: Model,
  document: RecipeDocument,
  host: RecipeHost,
  problems: TampError[],
): Promise<RecipeSamples> {
  const read = async (key: 'training' | 'validation'): Promise<LabelledData | undefined> => {
    const source = recipe.data[key];
    if (source === undefined) return undefined;
    try {
      const names = [source.labels, ...Object.values(inputNames(source, model))];
      return samplesOf(source, await host.readTensors(source.file, names), model);
    } catch (error) {
      problems.push(problemAt(error, document, ['data', key]));
      return undefined;
    }
  };
  const calibrates = wanted.calibration && recipe.data.calibration === undefined;
  const samples = calibrates || recipe.training !== undefined ? await read('training') : undefined;
  const trainingData = recipe.training === undefined ? undefined : samples;
  const calibrationData = calibrates ? samples : undefined;
  const validationData =
    wanted.evaluation || recipe.training !== undefined ? await read('validation') : undefined;
  return {
    ...(trainingData === undefined ? {} : { trainingData }),
    ...(calibrationData === undefined ? {} : { calibrationData }),
    ...(validationData === undefined ? {} : { validationData }),
  };
}
