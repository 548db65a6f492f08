import {
  checkScheme,
  chooseWeightTargets,
  defineModifier,
  denseStorage,
  elementCount,
  type Modifier,
  type ModifierDefinition,
  matrixShape,
  readParameter,
  TampError,
  type WeightTarget,
} from '@tamp/core';
import { z } from 'zod';

const selection = {
  targets: z.array(z.string()).min(1).default(['linear']),
  ignore: z.array(z.string()).default([]),
};

/** Stores weights as float16; its options are those of a quantizer. */
export const halve: ModifierDefinition = defineModifier({
  name: '@test/halve',
  description: 'Stores weights as float16.',
  options: z.strictObject({
    ...selection,
    weights: z
      .strictObject({
        bits: z.int().min(2).max(8).default(4).describe('Bits of a level'),
        groupSize: z.int().min(1).optional().describe('Weights that share a scale'),
        symmetric: z.boolean().default(true),
        observer: z.enum(['min-max', 'search']).default('min-max'),
      })
      .prefault({}),
  }),
  create(options) {
    let chosen: readonly WeightTarget[] = [];
    return {
      needs: 'nothing',
      plan(model) {
        chosen = chooseWeightTargets(model, options);
        const { bits, symmetric, groupSize } = options.weights;
        for (const { parameter, layer } of chosen) {
          const granularity =
            groupSize === undefined
              ? ({ kind: 'channel' } as const)
              : ({ kind: 'group', groupSize } as const);
          checkScheme({ bits, symmetric, granularity }, matrixShape(parameter.shape).columns, layer);
        }
        return {
          targets: chosen.map(({ layer, parameter }) => ({
            layer,
            parameter: parameter.name,
            scheme: 'F16',
            bytesBefore: elementCount(parameter.shape) * 4,
            bytesAfter: elementCount(parameter.shape) * 2,
          })),
        };
      },
      async rewrite(_region, editor) {
        for (const { layer, parameter } of chosen) {
          editor.signal.throwIfAborted();
          const values = await readParameter(parameter);
          editor.setParameter({ ...parameter, storage: denseStorage(values, 'float16') });
          editor.report({
            layer,
            parameter: parameter.name,
            modifier: '@test/halve',
            scheme: 'F16',
            bytesBefore: values.length * 4,
            bytesAfter: values.length * 2,
            relativeError: 0.001,
          });
        }
      },
    };
  },
});

/** Sees every value of the first layer and remembers how many there were. */
export function countingModifier(): { readonly definition: ModifierDefinition; readonly seen: number[] } {
  const seen: number[] = [];
  const definition = defineModifier({
    name: '@test/count',
    description: 'Counts calibration values.',
    options: z.strictObject({}),
    create: () => ({
      needs: 'calibration',
      plan: () => ({ targets: [] }),
      observe: () => [{ node: 'layers.0.linear', observe: (value) => void seen.push(value.size) }],
    }),
  });
  return { definition, seen };
}

/** Needs what recipes cannot give. */
export const trained: ModifierDefinition = defineModifier({
  name: '@test/trained',
  description: 'Needs training.',
  options: z.strictObject({}),
  create: () => ({ needs: 'training', plan: () => ({ targets: [] }) }),
});

/** Its author made a mistake. */
export const defective: ModifierDefinition = defineModifier({
  name: '@test/defective',
  description: 'Fails.',
  options: z.strictObject({}),
  create: () => ({
    needs: 'nothing',
    plan() {
      throw new TypeError('undefined is not a function');
    },
  }),
});

/** As JavaScript lets an author get it wrong: what it gives, by name. */
export const misshapen: readonly ModifierDefinition[] = Object.entries({
  '@test/no-modifier': undefined,
  '@test/no-needs': { needs: 'magic', plan: () => ({ targets: [] }) },
  '@test/no-plan': { needs: 'nothing', plan: () => ({ targets: [{ layer: 'layers.0' }] }) },
}).map(([name, made]) =>
  defineModifier({
    name,
    description: 'Is none.',
    options: z.strictObject({}),
    create: () => made as unknown as Modifier,
  }),
);

/** Makes weights NaN. */
export const poison: ModifierDefinition = defineModifier({
  name: '@test/poison',
  description: 'Makes weights NaN.',
  options: z.strictObject({}),
  create: () => ({
    needs: 'nothing',
    plan: () => ({ targets: [] }),
    async rewrite(_region, editor) {
      const weight = editor.model.parameters.get('lm_head.weight');
      if (weight === undefined) throw new TampError('no such parameter', { code: 'internal' });
      const values = new Float32Array(elementCount(weight.shape)).fill(Number.NaN);
      editor.setParameter({ ...weight, storage: denseStorage(values) });
    },
  }),
});
