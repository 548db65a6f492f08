import { describe, expect, it } from 'vitest';
import { planRecipe, prepareRecipe, runRecipe } from '../src/index.js';
import { memoryHost } from './world/memory-host.js';

/** What preparing a recipe warns of; a plan must say the same, and a run say it before its first stage. */
async function warnings(rest: string): Promise<readonly string[]> {
  const host = memoryHost();
  const prepared = await prepareRecipe(`model: model\n${rest}`, 'recipe.yaml', host);
  const said: string[] = [];
  await runRecipe(prepared, host, {
    onWarning: (message) => said.push(message),
    onEvent: ({ kind, stage }) => void (kind === 'start' && said.push(stage)),
  });
  await prepared.close();
  const before = said.slice(0, said.indexOf('modify'));
  expect(before).toEqual(prepared.warnings);
  expect(planRecipe(prepared).warnings).toEqual(prepared.warnings);
  return prepared.warnings;
}

const halve = (ignore: string): string => `modifiers: [{ use: "@test/halve", ignore: ${ignore} }]\n`;

describe('an ignore pattern that matches nothing', () => {
  it.each([
    ['[linaer, lm_head]', 44, 'linaer', 'Did you mean linear?'],
    ['[lm_haed]', 44, 'lm_haed', 'Did you mean lm_head?'],
    ['[lm_head, "layer.*"]', 53, 'layer.*', 'Did you mean layers?'],
    // Names are matched whole: what is part of one is meant to match within.
    ['["0"]', 44, '0', 'Did you mean "*.0"?'],
    ['["re:[0-9]+"]', 44, 're:[0-9]+', 'Did you mean "re:.*[0-9]+"?'],
    ['[something_else]', 44, 'something_else', 'Correct it, or take it out.'],
  ])('%s', async (ignore, column, pattern, remedy) => {
    expect(await warnings(halve(ignore))).toEqual([
      `recipe.yaml:2:${column}, @test/halve: the ignore pattern ${pattern} matches no layer. ${remedy}`,
    ]);
  });

  it('is told of each modifier, and of the pipeline where modifiers observe', async () => {
    const modifiers =
      'modifiers: [{ use: "@test/halve", ignore: [a_b] }, { use: "@test/halve", ignore: [c_d] }]\n';
    const pipeline = 'pipeline: { targets: [layers.0], ignore: [blocks] }\n';
    expect(await warnings(modifiers + pipeline)).toEqual([
      expect.stringMatching(/^recipe\.yaml:2:44, @test\/halve: the ignore pattern a_b /),
      expect.stringMatching(/^recipe\.yaml:2:83, @test\/halve: the ignore pattern c_d /),
    ]);
    const calibrated =
      'data: { calibration: { text: eval.txt, sequenceLength: 4, samples: 3 } }\nmodifiers: [{ use: "@test/count" }]\n';
    const host = memoryHost();
    const prepared = await prepareRecipe(`model: model\n${calibrated}${pipeline}`, 'recipe.yaml', host);
    await prepared.close();
    expect(prepared.warnings).toEqual([
      'recipe.yaml:4:43: the ignore pattern blocks matches no layer. Correct it, or take it out.',
    ]);
  });

  it('is none where it names a layer that is no target anyway, or a module that holds one', async () => {
    expect(await warnings(halve('[embed, embedding, layers]'))).toEqual([]);
    expect(await warnings(halve('[]'))).toEqual([]);
  });
});
