import * as tf from '@tensorflow/tfjs-core';
import { TampError } from '../errors/tamp-error.js';
import {
  type GraphNode,
  type InputNode,
  inputsOf,
  type OperatorNode,
  type ParameterNode,
} from '../graph/graph.js';
import type { Model } from '../model/model.js';
import { asTensor, type Operand } from '../operators/operator.js';
import { operators } from '../operators/registry.js';
import type { Parameter } from '../parameters/parameter.js';
import { densify, loadOperand, type OperandForm, releaseOperand } from './load-operand.js';

/**
 * Sees the value of a node right after it was computed. The tensor belongs to the run: read it
 * (`await tensor.data()`) or clone it, do not dispose of it.
 */
export type ValueObserver = (value: tf.Tensor, node: GraphNode) => void | Promise<void>;

/** Options of {@link ModelRunner.run}. */
export interface RunOptions {
  /** Observers by node name; the run waits for each. */
  readonly observe?: ReadonlyMap<string, ValueObserver>;
  /**
   * Names of the outputs wanted; nodes that neither these nor the observers need are not computed. Default: all. With
   * none, a run goes just as far as its observers look.
   */
  readonly outputs?: readonly string[];
  /** Rejects with the signal's reason between two operators once it is aborted. */
  readonly signal?: AbortSignal;
}

/** Runs one model many times. Owns the parameters it has loaded. */
export interface ModelRunner {
  readonly model: Model;
  /**
   * Feeds inputs by name and gives outputs by name; the caller disposes of both. Parameters are read at their first
   * use and stay, quantized ones packed. Throws a `TampError` for an input that is missing, misshapen or
   * of another dtype, and for an output that the model lacks.
   */
  run(
    inputs: Readonly<Record<string, tf.Tensor>>,
    options?: RunOptions,
  ): Promise<Readonly<Record<string, tf.Tensor>>>;
  /** Frees all loaded parameters. The runner can be used again afterwards and reads them anew. */
  dispose(): void;
}

/** The form in which an operator's input takes a parameter; a quantized one that it cannot use packed is expanded. */
function formFor(node: GraphNode, index: number, parameter: Parameter): OperandForm {
  if (parameter.storage.kind !== 'affine') return 'dense';
  const layout = node.kind === 'operator' ? operators.get(node.operator).quantizedInputs?.[index] : undefined;
  return layout ?? 'rows';
}

/** Nodes that the wanted outputs and the observers depend on. */
function neededNodes(nodes: readonly GraphNode[], { outputs, observe }: RunOptions): ReadonlySet<string> {
  const unknown = outputs?.find(
    (name) => !nodes.some((node) => node.kind === 'output' && node.name === name),
  );
  if (unknown !== undefined) {
    const names = nodes.filter((node) => node.kind === 'output').map((node) => node.name);
    throw new TampError(`the model has no output named ${unknown}`, {
      code: 'usage',
      remedy: `Its outputs: ${names.join(', ')}.`,
    });
  }
  const needed = new Set<string>(observe?.keys());
  for (const node of [...nodes].reverse()) {
    const wanted = node.kind === 'output' && (outputs === undefined || outputs.includes(node.name));
    if (!wanted && !needed.has(node.name)) continue;
    needed.add(node.name);
    for (const input of inputsOf(node)) needed.add(input);
  }
  return needed;
}

function checkFeed({ name, type }: InputNode, fed: tf.Tensor | undefined): tf.Tensor {
  const { dtype, shape } = type;
  if (fed === undefined) {
    throw new TampError(`the model needs an input named ${name}`, {
      code: 'usage',
      remedy: 'Feed it by name.',
    });
  }
  if (fed.dtype !== dtype) {
    throw new TampError(`input ${name} is ${fed.dtype}, not ${dtype}`, {
      code: 'usage',
      remedy: `Create the tensor with dtype ${dtype}.`,
    });
  }
  const fits =
    fed.shape.length === shape.length && shape.every((size, i) => size === null || size === fed.shape[i]);
  if (!fits) {
    const expected = shape.map((size) => size ?? 'any').join(', ');
    throw new TampError(`input ${name} has shape [${fed.shape.join(', ')}], not [${expected}]`, {
      code: 'usage',
    });
  }
  return fed;
}

/** A runner for a model; reads nothing until the first run. */
export function createModelRunner(model: Model): ModelRunner {
  const loaded = new Map<string, Operand>();
  // Runs at the same time share one reading of a parameter.
  const loading = new Map<string, Promise<Operand>>();

  const load = async (node: ParameterNode, form: OperandForm): Promise<Operand> => {
    const key = `${form} ${node.parameter}`;
    const known = loaded.get(key) ?? loading.get(key);
    if (known !== undefined) return known;
    const parameter = model.parameters.get(node.parameter);
    if (parameter === undefined) {
      throw new TampError(`the model lacks the parameter ${node.parameter}`, { code: 'format' });
    }
    const reading = loadOperand(parameter, form);
    loading.set(key, reading);
    try {
      const operand = await reading;
      loaded.set(key, operand);
      return operand;
    } finally {
      loading.delete(key);
    }
  };

  const run: ModelRunner['run'] = async (inputs, options = {}) => {
    const { nodes } = model.graph;
    const byName = new Map(nodes.map((node) => [node.name, node]));
    const needed = neededNodes(nodes, options);
    const lastUse = new Map<string, string>();
    for (const node of nodes) {
      if (needed.has(node.name)) for (const input of inputsOf(node)) lastUse.set(input, node.name);
    }
    const values = new Map<string, tf.Tensor>();
    const results: Record<string, tf.Tensor> = {};

    const operandsOf = async (node: OperatorNode): Promise<Operand[]> => {
      const operands: Operand[] = [];
      for (const [index, name] of node.inputs.entries()) {
        const source = byName.get(name);
        if (source?.kind === 'parameter') {
          const parameter = model.parameters.get(source.parameter);
          operands.push(
            await load(source, parameter === undefined ? 'dense' : formFor(node, index, parameter)),
          );
        } else {
          const value = values.get(name);
          if (value === undefined) throw new TampError(`${name} has no value yet`, { code: 'internal' });
          operands.push(value);
        }
      }
      return operands;
    };

    const compute = async (node: OperatorNode): Promise<tf.Tensor> => {
      const operator = operators.get(node.operator);
      const operands = await operandsOf(node);
      try {
        return tf.tidy(() => {
          const result = operator.run(
            operands.map((operand, index) => {
              const source = byName.get(node.inputs[index]);
              const keepsPacked = operator.quantizedInputs?.[index] !== undefined;
              if (keepsPacked || source?.kind !== 'parameter') return operand;
              return densify(operand, model.parameters.get(source.parameter)?.shape ?? []);
            }),
            node.attributes,
          );
          // An operator may return an input as it is; the run frees the two separately.
          return operands.includes(result) ? result.clone() : result;
        });
      } catch (error) {
        // An operator knows what is wrong, but not where in the model. A device that is lost is so for every layer.
        const ofLayer = error instanceof TampError && error.code !== 'io';
        throw ofLayer ? error.located({ layer: node.scope || node.name }) : error;
      }
    };

    const outputValue = async (name: string): Promise<tf.Tensor> => {
      const source = byName.get(name);
      const value = source?.kind === 'parameter' ? asTensor(await load(source, 'dense')) : values.get(name);
      if (value === undefined) throw new TampError(`${name} has no value yet`, { code: 'internal' });
      return value.clone();
    };

    const releaseAfter = (node: GraphNode): void => {
      for (const input of new Set(inputsOf(node))) {
        if (lastUse.get(input) !== node.name || byName.get(input)?.kind === 'input') continue;
        values.get(input)?.dispose();
        values.delete(input);
      }
    };

    try {
      for (const node of nodes) {
        if (!needed.has(node.name)) continue;
        options.signal?.throwIfAborted();
        if (node.kind === 'input') values.set(node.name, checkFeed(node, inputs[node.name]));
        else if (node.kind === 'operator') values.set(node.name, await compute(node));
        else if (node.kind === 'output') {
          results[node.name] = await outputValue(node.input);
        }
        const value = values.get(node.name);
        const observer = options.observe?.get(node.name);
        if (value !== undefined && observer !== undefined) await observer(value, node);
        releaseAfter(node);
      }
      return results;
    } catch (error) {
      for (const result of Object.values(results)) result.dispose();
      throw error;
    } finally {
      for (const [name, value] of values) if (byName.get(name)?.kind !== 'input') value.dispose();
    }
  };

  return {
    model,
    run,
    dispose() {
      for (const operand of loaded.values()) releaseOperand(operand);
      loaded.clear();
    },
  };
}
