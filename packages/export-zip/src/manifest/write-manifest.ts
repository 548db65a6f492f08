import { type AttributeValue, graphToJson, isTampError, TampError } from '@tamp/core';
import { formatVersion, manifestName } from '../archive-format.js';
import { defaultLimits } from '../archive-limits.js';
import { checkManifest } from './check-manifest.js';
import type { Manifest } from './manifest.js';
import { parseManifest } from './parse-manifest.js';

/** Throws for a number that JSON has no form for: it would silently become null. */
function checkFinite(value: AttributeValue | undefined, where: string): void {
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return;
    throw new TampError(`${where} is ${value}, which an archive cannot hold`, { code: 'data' });
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [key, item] of Object.entries(value)) checkFinite(item, `${where}.${key}`);
}

/**
 * The manifest as JSON text. Throws a `TampError`: `data` for values that JSON cannot hold, `unsupported` for a
 * manifest that {@link parseManifest} or {@link checkManifest} would refuse.
 */
export function manifestToJson(manifest: Manifest): Uint8Array {
  const { architecture, config, graph, entries, parameters, assets, parts } = manifest;
  checkFinite(config, 'config');
  for (const node of graph.nodes) {
    if (node.kind === 'operator') checkFinite(node.attributes, node.name);
  }
  const json = JSON.stringify({
    format: 'tamp',
    version: formatVersion,
    architecture,
    config,
    graph: JSON.parse(graphToJson(graph)),
    entries,
    parameters,
    assets,
    ...(parts.length === 0 ? {} : { parts }),
  });
  const text = new TextEncoder().encode(json);
  try {
    if (text.length > defaultLimits.manifestBytes) {
      throw new TampError(`the manifest would have ${text.length} bytes`, { code: 'unsupported' });
    }
    checkManifest(parseManifest(manifestName, text, defaultLimits), defaultLimits);
  } catch (error) {
    if (!isTampError(error)) throw error;
    throw new TampError(`cannot be written as an archive, readers would refuse it: ${error.problem}`, {
      code: 'unsupported',
      at: error.at,
      cause: error,
    });
  }
  return text;
}
