import { isMap, parseDocument } from 'yaml';

/** A recipe that comes with the page. */
export interface ShippedRecipe {
  readonly name: string;
  readonly label: string;
  readonly text: string;
}

const texts: Readonly<Record<string, string>> = import.meta.glob<string>(
  '../../../../examples/tiny-llama/*.yaml',
  { query: '?raw', import: 'default', eager: true },
);

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

/** The repository's recipes for tiny-llama. */
export const shippedRecipes: readonly ShippedRecipe[] = labels.flatMap(([name, label]) => {
  const text = Object.entries(texts).find(([path]) => path.endsWith(`/${name}.yaml`))?.[1];
  return text === undefined ? [] : [{ name, label, text: shortened(text) }];
});
