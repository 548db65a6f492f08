import '@tensorflow/tfjs-backend-cpu';
import type { Model, Parameter } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { prepareRecipe, type RecipeHost, type RunOptions, type RunOutcome, runRecipe } from '../src/index.js';
import { exportBytes, memoryHost } from './world/memory-host.js';
import { largeWidth, tinyModel } from './world/tiny-model.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** What happened to exports and stores, in order. */
interface Recorded {
  readonly host: RecipeHost;
  readonly events: readonly string[];
}

/** A host of one model with exports that grow and a parameter store, both of which tell what they are given. */
function recording(model: Model): Recorded {
  const events: string[] = [];
  const memory = memoryHost();
  const putting = (what: string) => async (parameter: Parameter) => {
    events.push(`${what} takes ${parameter.name}`);
    return { ...parameter };
  };
  const host: RecipeHost = {
    ...memory,
    openModel: async () => ({ model, name: 'large', close: async () => undefined }),
    openParameterStore: async () => ({ put: putting('store'), close: async () => undefined }),
    async stageExport(of, target, options) {
      events.push(`${target.to} is written whole`);
      return memory.stageExport(of, target, options);
    },
    async beginExport(target, expectedBytes) {
      events.push(`${target.to} begins, of ${expectedBytes} bytes`);
      return {
        put: putting(target.to),
        async stage(of, options) {
          events.push(`${target.to} is completed`);
          return memory.stageExport(of, target, options);
        },
        async discard() {
          events.push(`${target.to} is dropped`);
        },
      };
    },
  };
  return { host, events };
}

async function run(text: string, host: RecipeHost, options: RunOptions = {}): Promise<RunOutcome> {
  const prepared = await prepareRecipe(text, 'recipe.yaml', host);
  try {
    return await runRecipe(prepared, host, options);
  } finally {
    await prepared.close();
  }
}

const recipe = (modifiers: number, to: readonly string[]): string =>
  `model: large
modifiers: [${Array(modifiers).fill('{ use: "@test/halve", targets: [layers.0] }').join(', ')}]
export: [${to.map((path) => `{ to: ${path} }`).join(', ')}]
`;
/** The layer as float16, the two tables of 16 rows as they are. */
const expected = 2 * largeWidth ** 2 + 2 * 4 * 16 * largeWidth;

describe('the first export of a large model', () => {
  it('takes each finished parameter at once, and is completed after the others, which read from it', async () => {
    const { host, events } = recording(tinyModel(largeWidth));
    const { result } = await run(recipe(1, ['a.tamp.zip', 'b.tamp.zip']), host);
    expect(events).toEqual([
      `a.tamp.zip begins, of ${expected} bytes`,
      'a.tamp.zip takes layers.0.weight',
      'b.tamp.zip is written whole',
      'a.tamp.zip is completed',
    ]);
    expect(result.artifacts.map(({ path }) => path)).toEqual(['a.tamp.zip', 'b.tamp.zip']);
  });

  it('takes them after the last modifier; before it they wait in the store', async () => {
    const { host, events } = recording(tinyModel(largeWidth));
    await run(recipe(2, ['a.tamp.zip']), host);
    expect(events.slice(1)).toEqual([
      'store takes layers.0.weight',
      'a.tamp.zip takes layers.0.weight',
      'a.tamp.zip is completed',
    ]);
  });

  it('is dropped when the run is aborted before it is completed', async () => {
    const { host, events } = recording(tinyModel(largeWidth));
    const controller = new AbortController();
    const running = run(recipe(1, ['a.tamp.zip']), host, {
      signal: controller.signal,
      onEvent: ({ kind, stage }) => {
        if (kind === 'end' && stage === 'modify') controller.abort();
      },
    });
    await expect(running).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
    expect(events.slice(-2)).toEqual(['a.tamp.zip takes layers.0.weight', 'a.tamp.zip is dropped']);
  });

  it('is not begun for a model that is not large, nor where nothing is exported', async () => {
    const small = recording(tinyModel());
    await run(recipe(1, ['a.tamp.zip']), small.host);
    expect(small.events).toEqual(['a.tamp.zip is written whole']);
    const kept = recording(tinyModel(largeWidth));
    await run(recipe(1, []), kept.host);
    expect(kept.events).toEqual(['store takes layers.0.weight']);
  });

  it('is one among several that a gate on size holds back', async () => {
    const { host } = recording(tinyModel(largeWidth));
    const text = `${recipe(1, ['a.tamp.zip', 'b.tamp.zip'])}gates: { maxBytes: ${exportBytes - 1} }\n`;
    const { result, missedGates } = await run(text, host);
    expect(missedGates.map(({ artifact }) => artifact)).toEqual(['a.tamp.zip', 'b.tamp.zip']);
    expect(result.artifacts).toEqual([]);
  });
});
