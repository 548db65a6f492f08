import { type ByteSource, type Model, type Parameter, TampError } from '@tamp/core';
import { maxNameLength } from '../archive-format.js';
import { defaultLimits } from '../archive-limits.js';
import { assetPathProblem } from '../asset-path.js';
import { type SizedEncoding, streamSizes } from '../layout/encoding.js';
import { checkGraphParameters } from '../manifest/check-manifest.js';

function refuse(problem: string, layer: string): never {
  throw new TampError(problem, { code: 'data', at: { layer } });
}

function sizedEncoding({ storage }: Parameter): SizedEncoding {
  return storage.kind === 'affine' ? { ...storage, scaleDtype: storage.scales.dtype } : storage;
}

function sourcesOf({ storage }: Parameter): Readonly<Record<string, ByteSource>> {
  switch (storage.kind) {
    case 'dense':
      return { values: storage.bytes };
    case 'affine': {
      const { levels, scales, zeroPoints } = storage;
      return { levels, scales: scales.bytes, ...(zeroPoints === undefined ? {} : { zeroPoints }) };
    }
    case 'mixed-bits':
      return { codes: storage.codes, levels: storage.levels };
  }
}

/** Checks a parameter and gives the bytes of its streams. Throws a `TampError` (`data`) when an archive cannot hold it. */
export function checkParameter(parameter: Parameter): number {
  const { name, shape, storage } = parameter;
  if (name === '' || name.length > maxNameLength) {
    refuse(`the name is not 1 to ${maxNameLength} characters long`, name);
  }
  if (storage.kind === 'mixed-bits') {
    for (const limit of [storage.minimum, storage.maximum]) {
      if (!Number.isFinite(limit)) refuse(`the range ends at ${limit}`, name);
    }
  }
  const sizes = streamSizes(name, shape, sizedEncoding(parameter));
  const sources = sourcesOf(parameter);
  let total = 0;
  for (const role of new Set([...Object.keys(sizes), ...Object.keys(sources)])) {
    if (!Object.hasOwn(sizes, role)) refuse(`has ${role}, which its scheme has not`, name);
    if (!Object.hasOwn(sources, role)) refuse(`lacks its ${role}`, name);
    const [fewest, most] = sizes[role];
    const { byteLength } = sources[role];
    total += byteLength;
    if (byteLength < fewest || byteLength > most) {
      refuse(
        `its ${role} have ${byteLength} bytes, which the shape [${shape.join(', ')}] does not allow`,
        name,
      );
    }
  }
  return total;
}

/**
 * Checks, before anything is written, that an archive can hold the model: sizes agree with shapes, names and paths
 * are ones that readers accept. Gives the bytes that there are to write. Throws a `TampError` (`data`).
 */
export function checkModel(model: Model): number {
  let total = 0;
  const shapes = new Map<string, readonly number[]>();
  for (const [key, parameter] of model.parameters) {
    if (key !== parameter.name) refuse(`is kept under the name ${key}`, parameter.name);
    total += checkParameter(parameter);
    shapes.set(parameter.name, parameter.shape);
  }
  checkGraphParameters(model.graph, shapes, refuse);
  for (const [path, source] of model.assets) {
    const problem = assetPathProblem(path);
    if (problem !== undefined) {
      throw new TampError(`the asset path ${JSON.stringify(path)} ${problem}`, {
        code: 'data',
        remedy: 'Give the asset a relative path.',
      });
    }
    if (source.byteLength > defaultLimits.assetBytes) {
      throw new TampError(
        `the asset ${path} has ${source.byteLength} bytes; readers accept ${defaultLimits.assetBytes}`,
        { code: 'data', remedy: 'Leave it out of the model.' },
      );
    }
    total += source.byteLength;
  }
  return total;
}
