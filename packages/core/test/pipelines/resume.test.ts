import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  createGraphBuilder,
  denseStorage,
  type LayerReport,
  type Model,
  type Modifier,
  type NamedModifier,
  type Parameter,
  type ParameterSink,
  readParameter,
  runDataFree,
  type SymbolicValue,
  type WholeModelOptions,
} from '../../src/index.js';
import { checkpointFolder } from '../../src/node.js';

let folder: string;
let now = 0;
const enough = 2000;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tamp-data-free-'));
  // Checkpoints are saved when enough time has passed: here each layer and each modifier's turn takes it.
  now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

const layers = ['a', 'b', 'c', 'd'];

function chain(): Model {
  const builder = createGraphBuilder();
  let x: SymbolicValue = builder.input('x', { dtype: 'float32', shape: [null, 2] });
  for (const name of layers) {
    x = builder.scope(name, 'Linear', () => builder.apply('linear', [x, builder.parameter(name, [2, 2])]));
  }
  builder.output('y', x);
  const parameters = layers.map((name, i): [string, Parameter] => [
    name,
    { name, shape: [2, 2], storage: denseStorage(Float32Array.of(i, 1, 2, 3)) },
  ]);
  return {
    graph: builder.build(),
    parameters: new Map(parameters),
    architecture: 'test',
    config: {},
    assets: new Map(),
  };
}

/** Doubles each weight it chose when it was first called, and refuses one that it has doubled before. */
function doubling(worked: string[], name: string): NamedModifier {
  let chosen: readonly string[] | undefined;
  const modifier: Modifier = {
    needs: 'nothing',
    plan: () => ({ targets: [] }),
    async rewrite(region, editor) {
      now += enough;
      chosen ??= [...editor.model.parameters.values()].flatMap(({ name: parameter, storage }) =>
        storage.kind === 'dense' && storage.dtype === 'float32' ? [parameter] : [],
      );
      for (const node of editor.model.graph.nodes) {
        const parameter = editor.model.parameters.get(node.scope);
        if (node.kind !== 'operator' || !region.nodes.has(node.name) || parameter === undefined) continue;
        if (!chosen.includes(parameter.name)) continue;
        editor.signal.throwIfAborted();
        worked.push(`${name} ${parameter.name}`);
        const values = (await readParameter(parameter)).map((value) => 2 * value);
        editor.setParameter({ ...parameter, storage: denseStorage(values, 'bfloat16') });
        editor.report({
          layer: node.scope,
          parameter: parameter.name,
          modifier: name,
          scheme: 'x2',
          bytesBefore: 16,
          bytesAfter: 8,
        });
        await editor.settle();
      }
    },
  };
  return { name, modifier };
}

interface Outcome {
  readonly values: readonly (readonly number[])[];
  readonly reports: readonly LayerReport[];
  readonly worked: readonly string[];
  readonly put: readonly string[];
}

/** A run of one or two modifiers, ended once `stopAfter` layers are done. */
async function run(
  count: 1 | 2,
  checkpoint: WholeModelOptions['checkpoint'],
  stopAfter = Infinity,
): Promise<Outcome> {
  const worked: string[] = [];
  const put: string[] = [];
  const finished: ParameterSink = {
    async put(parameter) {
      put.push(parameter.name);
      return { ...parameter };
    },
  };
  const controller = new AbortController();
  // The second finds no float32 weight and works on what is left as it was: nothing.
  const modifiers = [doubling(worked, 'first'), doubling(worked, 'second')].slice(0, count);
  let seen = 0;
  const { model, layers: reports } = await runDataFree(chain(), modifiers, {
    ...(checkpoint === undefined ? {} : { checkpoint }),
    finished,
    signal: controller.signal,
    onLayer() {
      now += enough;
      if (++seen === stopAfter) controller.abort();
    },
  });
  const values = [];
  for (const parameter of model.parameters.values()) values.push([...(await readParameter(parameter))]);
  return { values, reports, worked, put };
}

describe('a run without data', () => {
  it.each([1, 2, 3])('that stopped after layer %i goes on from there to the same end', async (stopAfter) => {
    const undisturbed = await run(1, undefined);
    const first = checkpointFolder(join(folder, 'run'));
    await expect(run(1, first, stopAfter)).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
    await first.close();
    const again = checkpointFolder(join(folder, 'run'));
    const resumed = await run(1, again);
    expect(resumed.values).toEqual(undisturbed.values);
    expect(resumed.reports).toEqual(undisturbed.reports);
    // Finished parameters go out in the order of the first time, and no layer is done twice.
    expect(resumed.put).toEqual(undisturbed.put);
    expect(resumed.worked).toEqual(undisturbed.worked.slice(stopAfter));
    await again.clear();
    expect(await readdir(folder)).toEqual([]);
  });

  it('goes on after the last modifier that was done', async () => {
    const undisturbed = await run(2, undefined);
    const path = join(folder, 'run');
    const first = checkpointFolder(path);
    expect(await run(2, first)).toEqual(undisturbed);
    await first.close();
    const again = checkpointFolder(path);
    const resumed = await run(2, again);
    expect(resumed.worked).toEqual([]);
    expect(resumed.values).toEqual(undisturbed.values);
    await again.clear();
  });

  it('of other modifiers is refused', async () => {
    const path = join(folder, 'run');
    const first = checkpointFolder(path);
    await run(2, first);
    await first.close();
    const again = checkpointFolder(path);
    await expect(run(1, again)).rejects.toThrow(
      /before modifier 3 of a run that has 1.*start without resuming/,
    );
    await again.close();
  });

  it('saves nothing while it is young', async () => {
    vi.spyOn(performance, 'now').mockReturnValue(0);
    await run(1, checkpointFolder(join(folder, 'run')));
    expect(await readdir(folder)).toEqual([]);
  });
});
