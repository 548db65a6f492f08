import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'vite';
import { isMap, parseDocument } from 'yaml';

/** The first is what the page starts with. */
const labels: readonly (readonly [name: string, label: string])[] = [
  ['w4a16', '4 bits, rounded to nearest'],
  ['w4a16-mse', '4 bits, ranges searched'],
  ['gptq-w4a16', '4 bits by GPTQ'],
  ['awq-w4a16', '4 bits after AWQ'],
  ['w8a8', 'int8 weights and activations'],
  ['equalized-w8a8', 'int8 after equalization'],
  ['w3a16', '3 bits, rounded to nearest'],
  ['w3a16-mse', '3 bits, ranges searched'],
  ['gptq-w3a16', '3 bits by GPTQ'],
];

/** Windows of text that a page reads at first: enough to see, soon enough to wait for. */
const pageWindows = { evaluation: 32, calibration: 32 };

/** A recipe with fewer windows, all else as it is. */
function shortened(text: string): string {
  // How other editors get what this one has.
  const document = parseDocument(text.replace(/^# `pnpm exec tamp schema`.*\n/m, ''));
  if (isMap(document.getIn(['data', 'evaluation']))) {
    document.setIn(['data', 'evaluation', 'windows'], pageWindows.evaluation);
  }
  if (isMap(document.getIn(['data', 'calibration']))) {
    document.setIn(['data', 'calibration', 'samples'], pageWindows.calibration);
  }
  return document.toString({ lineWidth: 0 });
}

const id = 'virtual:shipped-recipes';

/** The module `virtual:shipped-recipes`: recipes of the repository as a page starts with them. */
export function shippedRecipes(folder: string): Plugin {
  return {
    name: 'shipped-recipes',
    resolveId: (source) => (source === id ? `\0${id}` : undefined),
    load(source) {
      if (source !== `\0${id}`) return undefined;
      const recipes = labels.map(([name, label]) => {
        const path = join(folder, `${name}.yaml`);
        this.addWatchFile(path);
        return { name, label, text: shortened(readFileSync(path, 'utf8')) };
      });
      return `export const shippedRecipes = ${JSON.stringify(recipes)};`;
    },
  };
}
