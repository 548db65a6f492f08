import { TampError } from '../errors/tamp-error.js';
import type { Attributes, AttributeValue, Graph, GraphNode, ValueDtype, ValueType } from './graph.js';
import { lintGraph } from './lint.js';

const dtypes: readonly ValueDtype[] = ['float32', 'int32', 'bool'];
const maxNodes = 1_000_000;
const maxDepth = 16;
/** Names and scope paths; a path has a prefix for each of its dots, and each must be declared. */
const maxTextLength = 1024;

/** The graph as JSON text. */
export function graphToJson(graph: Graph): string {
  return JSON.stringify({ nodes: graph.nodes, scopes: graph.scopes });
}

function malformed(where: string, what: string): never {
  throw new TampError(`malformed graph: ${where} ${what}`, {
    code: 'format',
    remedy: 'The file is damaged or was not written by tamp: export it again.',
  });
}

function asRecord(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    malformed(where, 'is not an object');
  return value as Record<string, unknown>;
}

function asText(value: unknown, where: string): string {
  if (typeof value !== 'string') malformed(where, 'is not a string');
  if (value.length > maxTextLength) malformed(where, `is longer than ${maxTextLength} characters`);
  return value;
}

function asList(value: unknown, where: string): readonly unknown[] {
  if (!Array.isArray(value)) malformed(where, 'is not a list');
  return value;
}

function asAttribute(value: unknown, where: string, depth: number): AttributeValue {
  if (depth > maxDepth) malformed(where, 'is nested too deeply');
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return value;
  if (Array.isArray(value)) return value.map((item) => asAttribute(item, where, depth + 1));
  return asAttributes(value, where, depth + 1);
}

function asAttributes(value: unknown, where: string, depth: number): Attributes {
  const entries = Object.entries(asRecord(value, where));
  return Object.fromEntries(entries.map(([key, item]) => [key, asAttribute(item, `${where}.${key}`, depth)]));
}

function asType(value: unknown, where: string): ValueType {
  const record = asRecord(value, where);
  const dtype = dtypes.find((known) => known === record.dtype);
  if (dtype === undefined) malformed(where, `has an unknown dtype ${String(record.dtype)}`);
  const shape = asList(record.shape, `${where}.shape`).map((size) => {
    if (size === null) return null;
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
      malformed(`${where}.shape`, 'has a size that is not a whole number');
    }
    return size;
  });
  return { dtype, shape };
}

function asNode(value: unknown, index: number): GraphNode {
  const where = `node ${index}`;
  const record = asRecord(value, where);
  const name = asText(record.name, `${where}.name`);
  const scope = asText(record.scope, `${where}.scope`);
  switch (record.kind) {
    case 'input':
      return { kind: 'input', name, scope, type: asType(record.type, where) };
    case 'parameter': {
      const parameter = asText(record.parameter, `${where}.parameter`);
      return { kind: 'parameter', name, scope, parameter, type: asType(record.type, where) };
    }
    case 'operator':
      return {
        kind: 'operator',
        name,
        scope,
        operator: asText(record.operator, `${where}.operator`),
        inputs: asList(record.inputs, `${where}.inputs`).map((input) => asText(input, `${where}.inputs`)),
        attributes: asAttributes(record.attributes, `${where}.attributes`, 0),
      };
    case 'output':
      return { kind: 'output', name, scope, input: asText(record.input, `${where}.input`) };
    default:
      return malformed(where, `is of an unknown kind ${String(record.kind)}`);
  }
}

/**
 * Reads a graph from JSON that may come from an untrusted file: every field is checked and the graph is linted.
 * `json` is the parsed value. Throws a `TampError` (`format`).
 */
export function graphFromJson(json: unknown): Graph {
  const record = asRecord(json, 'it');
  const list = asList(record.nodes, 'nodes');
  if (list.length > maxNodes) malformed('nodes', `has more than ${maxNodes} entries`);
  const scopes = Object.entries(asRecord(record.scopes, 'scopes'));
  const graph: Graph = {
    nodes: list.map(asNode),
    scopes: Object.fromEntries(scopes.map(([path, type]) => [path, asText(type, `scopes.${path}`)])),
  };
  lintGraph(graph);
  return graph;
}
