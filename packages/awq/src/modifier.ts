import {
  type AffineScheme,
  checkScheme,
  declaredQuantization,
  defineModifier,
  denseStorage,
  describeScheme,
  type Model,
  type ModelEditor,
  type Modifier,
  type ModifierDefinition,
  matrixShape,
  type Parameter,
  type PlannedTarget,
  readParameter,
  type SecondMomentsObserver,
  schemeOfOptions,
  secondMomentsBytes,
  secondMomentsObserver,
  storedBytes,
  TampError,
} from '@tamp/core';
import { type Fold, findFolds } from './folds.js';
import { type ScaleChoice, type SearchedWeight, searchScales } from './search-scales.js';
import { type AwqSettings, settingsSchema } from './settings.js';

const name = '@tamp/awq';

/** A fold whose turn it is, with what was seen of its input. */
interface Watched {
  readonly fold: Fold;
  readonly moments: SecondMomentsObserver;
}

function parameterOf(model: Model, parameter: string): Parameter {
  const found = model.parameters.get(parameter);
  if (found === undefined) throw new TampError(`the model lacks ${parameter}`, { code: 'internal' });
  return found;
}

/** How the modifier that follows will round a parameter: as the options say, or it says itself, or as 4 bits usually are. */
type SchemeOf = (parameter: string) => AffineScheme;

function schemesFor({ weights }: AwqSettings, later: readonly PlannedTarget[]): SchemeOf {
  const usual = schemeOfOptions(weights ?? { bits: 4, symmetric: true });
  if (weights !== undefined) return () => usual;
  const declared = declaredQuantization(later);
  return (parameter) => declared.get(parameter)?.weights ?? usual;
}

/** The folds of a model. Throws a `TampError` (`usage`) when there is none or the scheme does not fit a layer. */
function chooseFolds(model: Model, settings: AwqSettings, schemeOf: SchemeOf): readonly Fold[] {
  const folds = findFolds(model, settings);
  for (const { layers, width } of folds) {
    for (const { layer, parameter, chosen } of layers) {
      if (chosen) checkScheme(schemeOf(parameter), width, layer);
    }
  }
  if (folds.length > 0) return folds;
  throw new TampError(
    'no layer among the targets has a norm or a projection in front that can take its scales',
    {
      code: 'usage',
      remedy:
        'Choose layers behind a norm, a gated unit or attention, and leave them unquantized before this modifier.',
    },
  );
}

async function multiplyColumns(
  editor: ModelEditor,
  { channelOf, layers }: Fold,
  scales: Float32Array,
): Promise<void> {
  for (const { parameter: key } of layers) {
    const parameter = parameterOf(editor.model, key);
    const { columns } = matrixShape(parameter.shape);
    const values = (await readParameter(parameter)).map((value, i) => value * scales[channelOf[i % columns]]);
    editor.setParameter({ ...parameter, storage: denseStorage(values) });
  }
}

async function divideProducer(
  editor: ModelEditor,
  { divided, channels }: Fold,
  scales: Float32Array,
): Promise<void> {
  for (const key of divided) {
    const parameter = parameterOf(editor.model, key);
    const values = await readParameter(parameter);
    const perChannel = values.length / channels;
    const storage = denseStorage(values.map((value, i) => value / scales[Math.floor(i / perChannel)]));
    editor.setParameter({ ...parameter, storage });
  }
}

function describeChoice({ strength, balanced }: ScaleChoice): string {
  if (strength === 0 && !balanced) return 'not scaled';
  return `scaled, strength ${strength.toFixed(2)}${balanced ? ', balanced' : ''}`;
}

async function applyFold(
  { fold, moments }: Watched,
  editor: ModelEditor,
  settings: AwqSettings,
  schemeOf: SchemeOf,
): Promise<void> {
  const names = fold.layers.map(({ layer }) => layer);
  const weights: SearchedWeight[] = [];
  for (const { layer, parameter: key, chosen } of fold.layers) {
    if (!chosen) continue;
    const parameter = parameterOf(editor.model, key);
    const { rows } = matrixShape(parameter.shape);
    weights.push({ layer, rows, values: await readParameter(parameter), scheme: schemeOf(key) });
  }
  const seen = await moments.finish();
  const choice = await searchScales(weights, seen, {
    ...(settings.observer === 'mse' ? { range: {} } : {}),
    gridPoints: settings.gridPoints,
    channelOf: fold.channelOf,
    channels: fold.channels,
    signal: editor.signal,
  }).finally(() => seen.dispose());
  const touched = [...fold.divided, ...fold.layers.map(({ parameter }) => parameter)];
  const bytes = (): number =>
    touched.reduce((sum, key) => sum + storedBytes(parameterOf(editor.model, key).storage), 0);
  const bytesBefore = bytes();
  if (choice.scales.some((scale) => scale !== 1)) {
    await multiplyColumns(editor, fold, choice.scales);
    await divideProducer(editor, fold, choice.scales);
  }
  const percent = ((1 - choice.errorRatio) * 100).toFixed(0);
  editor.report({
    layer: fold.producer,
    parameter: fold.divided[0],
    modifier: name,
    scheme: describeChoice(choice),
    bytesBefore,
    bytesAfter: bytes(),
    figures: { strength: choice.strength, errorRatio: choice.errorRatio },
    note:
      choice.errorRatio < 1
        ? `scaling takes ${percent}% off the output error that rounding ${names.join(', ')} makes`
        : `no scaling makes rounding ${names.join(', ')} half a decibel better`,
  });
}

/** What the chosen layers of a fold are scaled for, each scheme once. */
function schemesOfFold(layers: Fold['layers'], schemeOf: SchemeOf): string {
  const chosen = layers.filter((layer) => layer.chosen);
  return [...new Set(chosen.map(({ parameter }) => describeScheme(schemeOf(parameter))))].join(', ');
}

/** Bytes of parameters once they are float32, which scaling makes them. */
function float32Bytes(model: Model, keys: readonly string[]): number {
  return keys.reduce((sum, key) => {
    const { rows, columns } = matrixShape(parameterOf(model, key).shape);
    return sum + 4 * rows * columns;
  }, 0);
}

function create(settings: AwqSettings): Modifier {
  // Chosen when the first region comes: patterns speak of the model as the modifiers before left it.
  let folds: readonly Fold[] | undefined;
  let watched: readonly Watched[] = [];
  let schemeOf = schemesFor(settings, []);
  return {
    needs: 'calibration',
    plan(model, later = []) {
      schemeOf = schemesFor(settings, later);
      const chosen = chooseFolds(model, settings, schemeOf);
      return {
        workingBytes: Math.max(...chosen.map(({ width }) => secondMomentsBytes(width) + 8 * width * width)),
        targets: chosen.flatMap(({ producer, divided, layers }) =>
          [...divided, ...layers.map(({ parameter }) => parameter)].map((key, i) => ({
            layer: i < divided.length ? producer : (layers[i - divided.length]?.layer ?? producer),
            parameter: key,
            scheme: `scaled for ${schemesOfFold(layers, schemeOf)}`,
            bytesBefore: storedBytes(parameterOf(model, key).storage),
            bytesAfter: float32Bytes(model, [key]),
          })),
        ),
      };
    },
    observe(region, model) {
      folds ??= chooseFolds(model, settings, schemeOf);
      const read = new Set(
        model.graph.nodes.flatMap((node) =>
          node.kind === 'operator' && region.nodes.has(node.name) ? [node.inputs[0]] : [],
        ),
      );
      const inside = folds.filter(({ input }) => read.has(input));
      for (const { producer, producerNode, layers } of inside) {
        if (region.nodes.has(producerNode)) continue;
        throw new TampError(`its scales belong into ${producer}, which was finished in an earlier part`, {
          code: 'usage',
          at: { layer: layers[0].layer },
          remedy: 'Choose whole blocks as targets of the sequential pipeline, such as decoder layers.',
        });
      }
      watched = inside.map((fold) => ({
        fold,
        moments: secondMomentsObserver(fold.width, fold.layers[0].layer),
      }));
      return watched.map(({ fold, moments }) => ({
        node: fold.input,
        observe: async (value) => moments.add(await value.data<'float32'>()),
      }));
    },
    async rewrite(_region, editor) {
      for (const each of watched) {
        editor.signal.throwIfAborted();
        await applyFold(each, editor, settings, schemeOf);
      }
      watched = [];
    },
  };
}

/**
 * Scales weights by the activations they meet, so that rounding them, which a modifier after this one does, hurts less;
 * the inverse scales are folded into the norm or projection in front: AWQ (Lin et al. 2023).
 */
export const awq: ModifierDefinition<AwqSettings> = defineModifier({
  name,
  description: 'Scales weights by the activations they meet before they are rounded (AWQ).',
  options: settingsSchema,
  create,
});
