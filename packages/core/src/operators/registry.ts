import { TampError } from '../errors/tamp-error.js';
import type { Attributes, ValueType } from '../graph/graph.js';
import { add } from './add.js';
import { appendRows } from './append-rows.js';
import { attention } from './attention.js';
import { conv2d } from './conv2d.js';
import { dequantize } from './dequantize.js';
import { embedding } from './embedding.js';
import { flatten } from './flatten.js';
import { int8Linear } from './int8-linear.js';
import { lastPosition } from './last-position.js';
import { layerNorm } from './layer-norm.js';
import { linear } from './linear.js';
import { maxPool2d } from './max-pool2d.js';
import { mul } from './mul.js';
import type { Operator } from './operator.js';
import { quantize } from './quantize.js';
import { quantizedAdd } from './quantized-add.js';
import { quantizedConv2d } from './quantized-conv2d.js';
import { quantizedLinear } from './quantized-linear.js';
import { quantizedRelu } from './quantized-relu.js';
import { relu } from './relu.js';
import { rmsNorm } from './rms-norm.js';
import { rotaryEmbedding } from './rotary-embedding.js';
import { rotaryTable } from './rotary-table.js';
import { swiglu } from './swiglu.js';

/** The operators a graph may use. */
export interface OperatorRegistry {
  /** The operator of that name; throws a `TampError` (`unsupported`) that lists those there are. */
  get(name: string): Operator;
  /** The type of an operator's result; also checks how many inputs it was given. `layer` is for errors. */
  infer(name: string, inputs: readonly ValueType[], attributes: Attributes, layer: string): ValueType;
  /** Adds an operator, for models of one's own. Throws when the name is taken. */
  register(operator: Operator): void;
}

/** A registry that holds the given operators. */
export function createOperatorRegistry(initial: readonly Operator[]): OperatorRegistry {
  const entries = new Map(initial.map((operator) => [operator.name, operator]));
  const get = (name: string): Operator => {
    const operator = entries.get(name);
    if (operator !== undefined) return operator;
    throw new TampError(`there is no operator named ${name}`, {
      code: 'unsupported',
      remedy: `Known operators: ${[...entries.keys()].sort().join(', ')}. Add one with operators.register().`,
    });
  };
  return {
    get,
    infer(name, inputs, attributes, layer) {
      const operator = get(name);
      const [fewest, most] = operator.arity;
      if (inputs.length < fewest || inputs.length > most) {
        const takes = fewest === most ? `${fewest}` : `${fewest} to ${most}`;
        throw new TampError(`${name} takes ${takes} inputs, not ${inputs.length}`, {
          code: 'format',
          at: { layer },
        });
      }
      return operator.infer(inputs, attributes, layer);
    },
    register(operator) {
      if (entries.has(operator.name)) {
        throw new TampError(`an operator named ${operator.name} is registered already`, { code: 'usage' });
      }
      entries.set(operator.name, operator);
    },
  };
}

/** The operators that tamp ships, and those registered since. */
export const operators: OperatorRegistry = createOperatorRegistry([
  add,
  appendRows,
  attention,
  conv2d,
  dequantize,
  embedding,
  flatten,
  int8Linear,
  lastPosition,
  layerNorm,
  linear,
  maxPool2d,
  mul,
  quantize,
  quantizedAdd,
  quantizedConv2d,
  quantizedLinear,
  quantizedRelu,
  relu,
  rmsNorm,
  rotaryEmbedding,
  rotaryTable,
  swiglu,
]);
