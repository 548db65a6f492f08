import type { TrainingHooks } from '@tamp/core';
import { chooseSizePenalty } from '../optimizer/choose-size-penalty.js';
import { maskUnused } from '../optimizer/mask-unused.js';
import type { DiffQuantizer } from '../quantizer/diff-quantizer.js';
import type { DiffQSettings } from './settings.js';

/** Bytes of one MiB. */
const mebibyte = 2 ** 20;

/** A quantizer as a training pipeline drives it. */
export function trainingHooks(quantizer: DiffQuantizer, settings: DiffQSettings): TrainingHooks {
  const { learningRate, checkUnused, penalty, targetSize } = settings;
  const sizePenalty = chooseSizePenalty(
    { ...(penalty === undefined ? {} : { penalty }), ...(targetSize === undefined ? {} : { targetSize }) },
    quantizer,
  );
  return {
    variables: quantizer.quantized.flatMap(({ name, trainable }) =>
      trainable === null ? [] : [{ name: `${name}_diffq`, variable: trainable, learningRate }],
    ),
    parameterValue: (name, value, step) => quantizer.trainingValue(name, value, step),
    penalty: () => (sizePenalty.weight === 0 ? null : quantizer.modelSize(sizePenalty.weight)),
    adjustGradients(gradients) {
      if (checkUnused) maskUnused(quantizer.quantized, gradients);
    },
    async afterStep() {
      quantizer.afterStep();
      if (sizePenalty.followsSize) sizePenalty.observe(await quantizer.trueModelSize());
    },
    evaluationValues: (name, values) => quantizer.evaluationValues(name, values),
    async figures() {
      return {
        bytes: Math.round((await quantizer.trueModelSize()) * mebibyte),
        meanBits: await quantizer.meanBits(),
      };
    },
    save: () => ({ sizePenalty: sizePenalty.state() }),
    restore: ({ sizePenalty: state = [] }) => sizePenalty.restore(state),
  };
}
