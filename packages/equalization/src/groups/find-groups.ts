import {
  type GraphNode,
  lintGraph,
  type Model,
  matchOperators,
  nodesByName,
  type OperatorNode,
  type ParameterNode,
  TampError,
  usersByName,
  type ValueType,
} from '@tamp/core';
import type { EqualizationSettings } from '../settings.js';
import { type Group, isSmooth, type LayerSite, type Reader, type Site } from './group.js';

/** Operators that a positive factor per channel passes through unchanged. */
const passing: readonly string[] = ['relu', 'max_pool2d', 'flatten'];

/** The layers a graph may have equalized. */
function isLayer({ operator }: OperatorNode): boolean {
  return operator === 'linear' || operator === 'conv2d';
}

function layerName({ scope, name }: OperatorNode): string {
  return scope === '' ? name : scope;
}

/** A graph with what the search for groups looks up again and again. */
interface Search {
  readonly model: Model;
  readonly types: ReadonlyMap<string, ValueType>;
  readonly byName: ReadonlyMap<string, GraphNode>;
  readonly users: ReadonlyMap<string, readonly GraphNode[]>;
  readonly targets: ReadonlySet<string>;
}

/** The parameter that an input of a node is, when nothing else reads it and its numbers are at hand. */
function ownParameter(search: Search, node: OperatorNode, index: number): string | undefined {
  const source = search.byName.get(node.inputs[index] ?? '');
  if (source?.kind !== 'parameter' || search.users.get(source.name)?.length !== 1) return undefined;
  // Read twice by one node: scaling it once would change both.
  if (node.inputs.filter((name) => name === source.name).length > 1) return undefined;
  return search.model.parameters.get(source.parameter)?.storage.kind === 'dense'
    ? source.parameter
    : undefined;
}

/** The layer as one whose rows can be scaled; undefined when it cannot. */
function rowsOf(search: Search, node: GraphNode | undefined): LayerSite | undefined {
  if (node?.kind !== 'operator' || !search.targets.has(node.name)) return undefined;
  const weight = ownParameter(search, node, 1);
  const bias = node.inputs.length > 2 ? ownParameter(search, node, 2) : undefined;
  if (weight === undefined || (node.inputs.length > 2 && bias === undefined)) return undefined;
  return { layer: layerName(node), node, weight, bias };
}

function soleUser(search: Search, name: string, user: OperatorNode): boolean {
  const users = search.users.get(name) ?? [];
  return (
    users.length === 1 && users[0] === user && user.inputs.filter((input) => input === name).length === 1
  );
}

/** A site, with the number of scales and which of them each column has. */
interface Placed {
  readonly site: Site;
  readonly channels: number;
  readonly channelOf: Int32Array;
}

/** Columns in runs of equal length, one scale each: what flattening an image gives. */
function runs(columns: number, channels: number): Int32Array {
  return Int32Array.from({ length: columns }, (_, column) => Math.floor((column * channels) / columns));
}

function rowsCount(search: Search, { weight }: LayerSite): number {
  return search.model.parameters.get(weight)?.shape[0] ?? 0;
}

function placeValueRows(search: Search, attention: OperatorNode, columns: number): Placed | undefined {
  const value = search.byName.get(attention.inputs[2]);
  const rows = rowsOf(search, value);
  if (rows === undefined || !soleUser(search, rows.node.name, attention)) return undefined;
  const heads = Number(attention.attributes.heads);
  const keyValueHeads = Number(attention.attributes.keyValueHeads);
  const headSize = Number(attention.attributes.headSize);
  const shared = heads / keyValueHeads;
  // Query heads that share a key-value head read the same rows, so they share its scales.
  const channelOf = Int32Array.from(
    { length: columns },
    (_, column) => Math.floor(column / headSize / shared) * headSize + (column % headSize),
  );
  return { site: { kind: 'value', ...rows }, channels: keyValueHeads * headSize, channelOf };
}

/** Where the scale of a value can go, other than into a `mul`. */
function place(search: Search, value: string, columns: number): Placed | undefined {
  let node = search.byName.get(value);
  let passed = false;
  while (node?.kind === 'operator' && passing.includes(node.operator)) {
    const source: string = node.inputs[0];
    if (!soleUser(search, source, node)) return undefined;
    node = search.byName.get(source);
    passed = true;
  }
  if (node?.kind !== 'operator') return undefined;
  const identity = Int32Array.from({ length: columns }, (_, column) => column);
  if (isLayer(node)) {
    const rows = rowsOf(search, node);
    if (rows === undefined) return undefined;
    const channels = rowsCount(search, rows);
    return { site: { kind: 'layer', ...rows }, channels, channelOf: runs(columns, channels) };
  }
  if (passed) return undefined;
  if (node.operator === 'rms_norm' || node.operator === 'layer_norm') {
    const norm = node;
    const parameters = norm.inputs.slice(1).map((_, index) => ownParameter(search, norm, index + 1));
    const own = parameters.filter((name) => name !== undefined);
    if (own.length !== parameters.length) return undefined;
    return {
      site: { kind: 'norm', layer: layerName(node), node, parameters: own },
      channels: columns,
      channelOf: identity,
    };
  }
  if (node.operator === 'swiglu') {
    const rows = rowsOf(search, search.byName.get(node.inputs[1]));
    if (rows === undefined || !soleUser(search, rows.node.name, node)) return undefined;
    return { site: { kind: 'up', ...rows }, channels: columns, channelOf: identity };
  }
  return node.operator === 'attention' ? placeValueRows(search, node, columns) : undefined;
}

/**
 * The layers to equalize. Of those that are chosen by default, the ones whose weight others read have no group; an
 * explicit target of that kind is an error.
 */
function chooseTargets({ graph }: Model, settings: EqualizationSettings): ReadonlySet<string> {
  const byName = nodesByName(graph);
  const users = usersByName(graph);
  const weightNode = (node: OperatorNode): ParameterNode | undefined => {
    const source = byName.get(node.inputs[1] ?? '');
    return source?.kind === 'parameter' ? source : undefined;
  };
  const layers = graph.nodes
    .filter((node) => node.kind === 'operator')
    .filter((node) => isLayer(node) && weightNode(node) !== undefined);
  const { targets, ignore } = settings;
  const chosen = matchOperators(
    graph,
    { targets: targets ?? [...new Set(layers.map(({ operator }) => operator))], ignore },
    (node) => layers.includes(node),
  );
  if (chosen.length === 0) {
    throw new TampError('there is no linear or conv2d layer to equalize', {
      code: 'usage',
      remedy: 'Ignore fewer layers, or give a model that has some.',
    });
  }
  for (const node of targets === undefined ? [] : chosen) {
    const weight = weightNode(node);
    const other = users.get(weight?.name ?? '')?.find((user) => user !== node);
    if (weight === undefined || other === undefined) continue;
    throw new TampError(`its weight ${weight.parameter} is shared with ${other.name}, which reads it too`, {
      code: 'usage',
      at: { layer: layerName(node) },
      remedy: `Leave it out with ignore: [${layerName(node)}].`,
    });
  }
  return new Set(chosen.map(({ name }) => name));
}

/** The readers of a value, when their own weights can be scaled. */
function readersOf(search: Search, value: string): readonly Reader[] {
  const readers: Reader[] = [];
  for (const node of search.users.get(value) ?? []) {
    if (node.kind !== 'operator' || !search.targets.has(node.name) || node.inputs[0] !== value) continue;
    const weight = ownParameter(search, node, 1);
    if (weight !== undefined) readers.push({ layer: layerName(node), node, weight });
  }
  return readers;
}

function columnsOf(
  search: Search,
  value: string,
  { node }: Reader,
): { axis: number; columns: number } | undefined {
  const shape = search.types.get(value)?.shape ?? [];
  const axis = node.operator === 'conv2d' ? 1 : -1;
  const columns = shape.at(axis);
  return typeof columns === 'number' ? { axis, columns } : undefined;
}

function groupOf(search: Search, value: string, settings: EqualizationSettings): Group | undefined {
  const readers = readersOf(search, value);
  if (readers.length === 0) return undefined;
  const extent = columnsOf(search, value, readers[0]);
  if (
    extent === undefined ||
    readers.some((reader) => columnsOf(search, value, reader)?.axis !== extent.axis)
  ) {
    return undefined;
  }
  const { columns } = extent;
  const alone = search.users.get(value)?.length === readers.length;
  const placed = alone ? place(search, value, columns) : undefined;
  const group: Group = {
    value,
    readers,
    ...extent,
    ...(placed ?? {
      site: { kind: 'mul' },
      channels: columns,
      channelOf: Int32Array.from({ length: columns }, (_, column) => column),
    }),
  };
  if (isSmooth(group)) return settings.smooth === 'off' ? undefined : group;
  if (settings.chains === 'off') return undefined;
  // An input that several layers read is not equalized, as in the reference.
  if (readers.length > 1) return undefined;
  if (group.site.kind === 'mul' && (settings.chains === 'cross-layer' || !settings.insertMul))
    return undefined;
  return group;
}

/** A target that stays as it is. */
export interface LeftLayer {
  readonly layer: string;
  /** Name of the weight parameter. */
  readonly weight: string;
  /** Why, as a sentence. */
  readonly reason: string;
}

/** What {@link findGroups} finds. */
export interface FoundGroups {
  readonly groups: readonly Group[];
  readonly left: readonly LeftLayer[];
}

function whyLeft(search: Search, node: OperatorNode): string {
  if (ownParameter(search, node, 1) === undefined) {
    return 'Its weight is shared with other layers, or quantized already.';
  }
  const readers = readersOf(search, node.inputs[0]);
  return readers.length > 1
    ? 'Several layers read its input, and no norm makes that.'
    : 'The options leave its input as it is.';
}

/**
 * The values of a model that can be equalized, in graph order, and the targets that are left as they are. Throws a
 * `TampError` (`usage`) when a target matches nothing or has a weight that others read, and when the options turn
 * everything off.
 */
export function findGroups(model: Model, settings: EqualizationSettings): FoundGroups {
  if (settings.chains === 'off' && settings.smooth === 'off') {
    throw new TampError('chains and smooth are both off, so nothing would be equalized', {
      code: 'usage',
      remedy: 'Turn on chains or smooth.',
    });
  }
  const { graph } = model;
  const search: Search = {
    model,
    types: lintGraph(graph),
    byName: nodesByName(graph),
    users: usersByName(graph),
    targets: chooseTargets(model, settings),
  };
  const groups = graph.nodes
    .map(({ name }) => groupOf(search, name, settings))
    .filter((group) => group !== undefined);
  const grouped = new Set(groups.flatMap(({ readers }) => readers.map(({ node }) => node.name)));
  const left = graph.nodes
    .filter((node) => node.kind === 'operator')
    .filter(({ name }) => search.targets.has(name) && !grouped.has(name))
    .map((node): LeftLayer => {
      const weight = search.byName.get(node.inputs[1]);
      return {
        layer: layerName(node),
        weight: weight?.kind === 'parameter' ? weight.parameter : '',
        reason: whyLeft(search, node),
      };
    });
  return { groups, left };
}
