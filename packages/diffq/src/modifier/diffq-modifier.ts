import {
  defineModifier,
  denseStorage,
  elementCount,
  type Model,
  type ModelEditor,
  type Modifier,
  type ModifierDefinition,
  mixedBitsStorage,
  type Parameter,
  type PlannedTarget,
  readParameter,
  storedBytes,
  TampError,
} from '@tamp/core';
import { elementsPerGroup } from '../maths/group-size.js';
import { codeBits, roundedBits } from '../maths/rounded-bits.js';
import { targetInMiB } from '../optimizer/choose-size-penalty.js';
import { DiffQuantizer } from '../quantizer/diff-quantizer.js';
import { type Selection, selectParameters } from '../selection/selection.js';
import { bitsPerMiB, parameterBits } from '../size/model-size.js';
import { relativeError } from './relative-error.js';
import { type DiffQSettings, settingsSchema } from './settings.js';
import { trainingHooks } from './training-hooks.js';

const name = '@tamp/diffq';

/** `model.layers.0.mlp.up_proj.weight` → `model.layers.0.mlp.up_proj`. */
function layerOf(parameter: string): string {
  const dot = parameter.lastIndexOf('.');
  return dot === -1 ? parameter : parameter.slice(0, dot);
}

/** What will be quantized; refuses parameters that are not dense. */
function select(model: Model, settings: DiffQSettings): Selection<{ readonly size: number }> {
  const sized = [...model.parameters.values()].map((parameter) => {
    if (parameter.storage.kind !== 'dense') {
      throw new TampError('it is quantized already and cannot be trained', {
        code: 'usage',
        at: { layer: parameter.name },
        remedy: 'Train before other modifiers quantize, from the float model.',
      });
    }
    return { name: parameter.name, variable: { size: elementCount(parameter.shape) } };
  });
  return selectParameters(sized, settings);
}

function parameterOf(model: Model, parameter: string): Parameter {
  const found = model.parameters.get(parameter);
  if (found !== undefined) return found;
  throw new TampError('the model lost a parameter while it was trained', {
    code: 'internal',
    at: { layer: parameter },
  });
}

/** Throws when the size to land on is none the model can have. */
function checkTarget(
  selection: Selection<{ readonly size: number }>,
  { targetSize, groupSize, minBits, maxBits, extraBits }: DiffQSettings,
): void {
  if (targetSize === undefined) return;
  const sum = (list: readonly { readonly variable: { readonly size: number } }[]): number =>
    list.reduce((total, { variable }) => total + variable.size, 0);
  const fixed = 16 * sum(selection.float16) + 32 * sum(selection.others);
  const sizeAt = (bits: number): number =>
    selection.quantized.reduce((total, { name: parameter, variable }) => {
      const perGroup = elementsPerGroup(groupSize, variable.size, parameter);
      const groups = new Float32Array(variable.size / perGroup).fill(bits);
      return total + parameterBits(roundedBits(groups, extraBits), perGroup, minBits);
    }, fixed) / bitsPerMiB;
  targetInMiB(targetSize, {
    floatModelSize:
      (32 * (sum(selection.quantized) + sum(selection.float16) + sum(selection.others))) / bitsPerMiB,
    sizeBounds: () => ({ smallest: sizeAt(minBits), largest: sizeAt(maxBits) }),
  });
}

function planned(model: Model, settings: DiffQSettings): readonly PlannedTarget[] {
  const selection = select(model, settings);
  checkTarget(selection, settings);
  const { quantized, float16 } = selection;
  const { initBits, minBits, maxBits, extraBits, groupSize } = settings;
  const width = codeBits(Math.round(initBits + extraBits), minBits);
  const targets = quantized.map(({ name: parameter, variable }): PlannedTarget => {
    const groups = variable.size / elementsPerGroup(groupSize, variable.size, parameter);
    const levels = Math.ceil((variable.size * (initBits + extraBits)) / 8);
    return {
      layer: layerOf(parameter),
      parameter,
      scheme: `${minBits}-${maxBits} bits learned, g${groupSize === 0 ? ' tensor' : groupSize}`,
      bytesBefore: storedBytes(parameterOf(model, parameter).storage),
      // As training begins; how far it gets down is what training finds out.
      bytesAfter: levels + Math.ceil((width * groups) / 8) + 8,
    };
  });
  const halves = float16.map(
    ({ name: parameter, variable }): PlannedTarget => ({
      layer: layerOf(parameter),
      parameter,
      scheme: 'float16',
      bytesBefore: storedBytes(parameterOf(model, parameter).storage),
      bytesAfter: 2 * variable.size,
    }),
  );
  return [...targets, ...halves];
}

/** Puts one trained parameter into its stored form. */
async function store(parameter: string, quantizer: DiffQuantizer, editor: ModelEditor): Promise<void> {
  const before = parameterOf(editor.model, parameter);
  const values = await readParameter(before);
  const stored = await quantizer.storedParameter(parameter, values);
  const storage =
    stored === null
      ? denseStorage(values, 'float16')
      : mixedBitsStorage({
          levels: stored.levels,
          bits: stored.bits,
          minBits: stored.minBits,
          range: { min: stored.scales[0], max: stored.scales[1] },
        });
  editor.setParameter({ ...before, storage });
  const bits = stored?.bits;
  const meanBits = bits === undefined ? 16 : bits.reduce((sum, b) => sum + b, 0) / bits.length;
  editor.report({
    layer: layerOf(parameter),
    parameter,
    modifier: name,
    scheme: stored === null ? 'float16' : `${meanBits.toFixed(2)} bits learned, g${stored.groupSize}`,
    bytesBefore: storedBytes(before.storage),
    bytesAfter: storedBytes(storage),
    relativeError: relativeError(values, await quantizer.evaluationValues(parameter, values)),
    figures: { meanBits },
  });
}

function create(settings: DiffQSettings): Modifier {
  let quantizer: DiffQuantizer | undefined;
  return {
    needs: 'training',
    plan: (model) => ({ targets: planned(model, settings) }),
    train(_model, parameters) {
      quantizer = new DiffQuantizer(
        [...parameters].map(([parameter, variable]) => ({ name: parameter, variable })),
        settings,
      );
      // The pipeline trains its variables.
      quantizer.noOptimizer();
      return trainingHooks(quantizer, settings);
    },
    async finish(editor) {
      if (quantizer === undefined) {
        throw new TampError('the model was not trained before it is to be stored', { code: 'internal' });
      }
      for (const { name: parameter } of [...quantizer.quantized, ...quantizer.float16]) {
        editor.signal.throwIfAborted();
        await store(parameter, quantizer, editor);
      }
    },
    endTraining() {
      quantizer?.dispose();
      quantizer = undefined;
    },
  };
}

/**
 * DiffQ in recipes: learns a number of bits for each group of weights while the training pipeline trains the model.
 */
export const diffq: ModifierDefinition<DiffQSettings> = defineModifier({
  name,
  description:
    'Learns the bits of each group of weights while the model trains (DiffQ); needs labelled data.',
  options: settingsSchema,
  create,
});
