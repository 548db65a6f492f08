import type { Attributes } from '../graph/graph.js';
import { type LevelParams, levelsAdd } from '../kernels/requantize.js';
import { broadcastType } from './elementwise.js';
import { levelParams, requantization } from './level-attributes.js';
import { asTensor, type Operator, rejectInputs } from './operator.js';

const keys = [
  { scale: 'aScale', zeroPoint: 'aZeroPoint' },
  { scale: 'bScale', zeroPoint: 'bZeroPoint' },
] as const;

function operandParams(attributes: Attributes, layer: string): readonly [LevelParams, LevelParams] {
  return [
    levelParams(attributes, 'quantized_add', layer, keys[0]),
    levelParams(attributes, 'quantized_add', layer, keys[1]),
  ];
}

/**
 * Sum of two values held as levels, requantized. Attributes: `aScale`, `aZeroPoint`, `bScale`, `bZeroPoint` of the
 * operands, `scale` and `zeroPoint` of the result, `relu` when one is fused.
 */
export const quantizedAdd: Operator = {
  name: 'quantized_add',
  arity: [2, 2],
  positionwise: true,
  infer(inputs, attributes, layer) {
    operandParams(attributes, layer);
    levelParams(attributes, 'quantized_add', layer);
    if (inputs.some(({ dtype }) => dtype !== 'int32')) {
      rejectInputs('quantized_add', layer, 'both inputs must be levels (int32)');
    }
    return broadcastType('quantized_add', inputs, layer);
  },
  run([a, b], attributes) {
    const [aParams, bParams] = operandParams(attributes, 'quantized_add');
    return levelsAdd(asTensor(a), aParams, asTensor(b), bParams, {
      ...levelParams(attributes, 'quantized_add'),
      ...requantization(attributes, 'quantized_add'),
    });
  },
};
