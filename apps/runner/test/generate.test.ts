import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandOutcome, tamp } from './world/tamp.js';
import { makeTinyFolder } from './world/tiny-folder.js';

let folder: string;
const run = (...args: string[]): Promise<CommandOutcome> => tamp(args, { cwd: folder });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tamp-generate-'));
  makeTinyFolder(folder);
  writeFileSync(
    join(folder, 'recipe.yaml'),
    `model: ./model
modifiers: [{ use: "@tamp/weight-only", ignore: [lm_head], weights: { bits: 4, groupSize: 16 } }]
export: [{ to: model.tamp.zip }]
`,
  );
  expect((await run('run', 'recipe.yaml', '--quiet')).code).toBe(0);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('tamp generate', () => {
  it.each(['model', 'model.tamp.zip'])(
    'continues a text on stdout, with figures on stderr: %s',
    async (model) => {
      const { code, stdout, stderr } = await run(
        'generate',
        model,
        '--prompt',
        'def f(',
        '--max-tokens',
        '10',
      );
      expect(code).toBe(0);
      expect(stderr).toContain('10 tokens: as many as asked for, ');
      expect(stderr).toContain(`3 tokens of prompt with the weights in`);
      expect(stderr).toContain(`${model} on tamp-cpu`);
      const json = await run('generate', model, '--prompt', 'def f(', '--max-tokens', '10', '--json');
      expect(json.stderr).toBe('');
      expect(json.stdout.trimEnd().split('\n')).toHaveLength(1);
      const result = JSON.parse(json.stdout);
      expect(result).toMatchObject({
        model: join(folder, model),
        backend: 'tamp-cpu',
        prompt: 'def f(',
        promptTokens: 3,
        text: stdout,
        end: 'max-tokens',
      });
      expect(result.tokens).toHaveLength(10);
      expect(result.tokensPerSecond).toBeGreaterThan(0);
    },
  );

  it('draws by seed, keeps silent with --quiet, and ends before a stop text', async () => {
    const draw = async (...more: string[]): Promise<string> => {
      const options = ['--prompt', 'def f(', '--max-tokens', '12', '--temperature', '1', '--quiet', ...more];
      const { code, stdout, stderr } = await run('generate', 'model', ...options);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return stdout;
    };
    const first = await draw('--seed', '1', '--top-k', '50', '--top-p', '0.9');
    expect(await draw('--seed', '1', '--top-k', '50', '--top-p', '0.9')).toBe(first);
    expect(await draw('--seed', '2', '--top-k', '50', '--top-p', '0.9')).not.toBe(first);
    const stop = first.slice(4, 7);
    expect(
      await draw('--seed', '1', '--top-k', '50', '--top-p', '0.9', '--stop', 'zzzz', '--stop', stop),
    ).toBe(first.slice(0, first.indexOf(stop)));
  });

  it('reads the prompt from standard input, as it is', async () => {
    const prompt = 'x = "ünïcode"\n';
    const args = ['generate', 'model', '--prompt', '-', '--max-tokens', '4', '--json'];
    const { code, stdout } = await tamp(args, { cwd: folder, input: prompt });
    expect(code).toBe(0);
    expect(JSON.parse(stdout).prompt).toBe(prompt);
    const bad = await tamp(args, { cwd: folder, input: Uint8Array.of(0xff, 0xfe, 0x41) });
    expect(bad.code).toBe(1);
    expect(bad.stderr).toContain('standard input: is not UTF-8 text');
  });

  it.each([
    ['the prompt is empty', ['--prompt', '']],
    [
      "and the model's context of 512 must hold one more. Shorten the prompt.",
      ['--prompt', 'x '.repeat(600)],
    ],
    ['It must be a number of at least 0.', ['--prompt', 'x', '--temperature', '-1']],
    ['It must be a number above 0 and at most 1.', ['--prompt', 'x', '--top-p', '1.5']],
    ['It must be a whole number from 1', ['--prompt', 'x', '--top-k', '0']],
    ['Allowed choices are cpu, webgpu', ['--prompt', 'x', '--backend', 'cuda']],
    ['--threads is for the backend cpu', ['--prompt', 'x', '--backend', 'webgpu', '--threads', '2']],
    ["required option '--prompt <text>'", []],
  ])('what cannot be done is exit code 2: %s', async (message, args) => {
    const { code, stdout, stderr } = await run('generate', 'model', ...args);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('defect');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  it('says so when there is no WebGPU adapter', async () => {
    const { code, stderr } = await tamp(['generate', 'model', '--prompt', 'x', '--backend', 'webgpu'], {
      cwd: folder,
      env: {
        VK_ICD_FILENAMES: join(folder, 'no-driver.json'),
        VK_DRIVER_FILES: join(folder, 'no-driver.json'),
      },
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: .*WebGPU.* or use --backend cpu\.$/m);
  });

  const driver = '/usr/lib/chromium/vk_swiftshader_icd.json';
  it.skipIf(!existsSync(driver) && process.env.TAMP_REQUIRE_DRIVERS !== '1')(
    'gives the same text on WebGPU',
    { timeout: 300_000 },
    async () => {
      const args = ['generate', 'model.tamp.zip', '--prompt', 'def f(', '--max-tokens', '6', '--quiet'];
      const cpu = await run(...args);
      const gpu = await tamp([...args, '--backend', 'webgpu'], {
        cwd: folder,
        env: { VK_ICD_FILENAMES: process.env.VK_ICD_FILENAMES ?? driver },
      });
      expect(gpu.code).toBe(0);
      expect(gpu.stdout).toBe(cpu.stdout);
    },
  );

  it('an interrupt ends it with 130', async () => {
    const config = JSON.parse(readFileSync(join(folder, 'model/config.json'), 'utf8'));
    writeFileSync(
      join(folder, 'model/config.json'),
      JSON.stringify({ ...config, max_position_embeddings: 100_000 }),
    );
    const args = ['generate', 'model', '--prompt', 'def f(', '--max-tokens', '90000'];
    const { code, stderr } = await tamp(args, { cwd: folder, interruptAtOutput: true });
    expect(code).toBe(130);
    expect(stderr).toContain('Interrupted');
  });
});
