import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { describeScheme, elementCount, type ParameterStorage, storedBytes } from '@tamp/core';
import { amountText, bytesText, countText } from '@tamp/report';
import { exitCodes } from '../exit-codes.js';
import { openModelAt, shownPath } from '../host/open-model.js';
import { tableText } from '../terminal/table.js';
import type { CommandContext } from './command-context.js';

/** Options of `tamp inspect`. */
export interface InspectCommandOptions {
  readonly json?: boolean;
}

/** How a parameter is stored, in a few words: `bfloat16`, `W4 g64 sym, scales bfloat16`. */
function storageText(storage: ParameterStorage): string {
  switch (storage.kind) {
    case 'dense':
      return storage.dtype;
    case 'affine':
      return `${describeScheme(storage.scheme)}, scales ${storage.scales.dtype}`;
    case 'mixed-bits':
      return `mixed bits from ${storage.minBits}, groups of ${storage.groupSize}`;
  }
}

/** Lists a model's parameters with how they are stored; resolves with the exit code. */
export async function inspectCommand(
  path: string,
  options: InspectCommandOptions,
  { terminal }: CommandContext,
): Promise<number> {
  const opened = await openModelAt(resolve(path));
  try {
    const { model, name } = opened;
    const parameters = [...model.parameters.values()].map(({ name: parameter, shape, storage }) => ({
      name: parameter,
      shape,
      storage: storageText(storage),
      elements: elementCount(shape),
      bytes: storedBytes(storage),
    }));
    const elements = parameters.reduce((total, parameter) => total + parameter.elements, 0);
    const bytes = parameters.reduce((total, parameter) => total + parameter.bytes, 0);
    const info = await stat(name);
    const fileBytes = info.isFile() ? info.size : null;
    const assets = [...model.assets].map(([asset, source]) => ({ path: asset, bytes: source.byteLength }));
    if (options.json === true) {
      const { architecture } = model;
      terminal.result(
        JSON.stringify({
          model: name,
          architecture,
          parameters,
          assets,
          totals: { elements, bytes, fileBytes },
        }),
      );
      return exitCodes.done;
    }
    const { bold } = terminal.colors;
    const bits = elements === 0 ? 0 : (8 * bytes) / elements;
    terminal.result(
      [
        `${bold(shownPath(name))}: ${model.architecture}`,
        tableText(
          terminal,
          [
            { title: 'parameter' },
            { title: 'shape', align: 'right' },
            { title: 'stored as' },
            { title: 'bytes', align: 'right' },
          ],
          parameters.map((parameter) => [
            parameter.name,
            parameter.shape.join('×'),
            parameter.storage,
            countText(parameter.bytes),
          ]),
        ),
        [
          `${amountText(parameters.length, 'parameter')} with ${amountText(elements, 'element')}: ${bytesText(bytes)}, ${bits.toFixed(2)} bits each`,
          ...(fileBytes === null ? [] : [`The archive: ${bytesText(fileBytes)} (${fileBytes} bytes)`]),
          ...(assets.length === 0
            ? []
            : [`Files that travel along: ${assets.map((asset) => asset.path).join(', ')}`]),
        ].join('\n'),
      ].join('\n\n'),
    );
    return exitCodes.done;
  } finally {
    await opened.close();
  }
}
