import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { CommandContext } from './commands/command-context.js';
import { evalCommand } from './commands/eval.js';
import { generateBackends, generateCommand } from './commands/generate.js';
import { initCommand } from './commands/init.js';
import { inspectCommand } from './commands/inspect.js';
import { planCommand } from './commands/plan.js';
import { runCommand } from './commands/run.js';
import { schemaCommand } from './commands/schema.js';
import { validateCommand } from './commands/validate.js';
import { processTerminal } from './terminal/terminal.js';

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const { version: found } = JSON.parse(text) as { readonly version: string };
  return found;
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}

const threads = wholeNumber(1, 256);
const positive = wholeNumber(1, 2 ** 31 - 1);
const length = wholeNumber(2, 2 ** 31 - 1);

/** A decimal number for which `fits` holds. */
function decimal(fits: (value: number) => boolean, words: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^[\d.]+(e-?\d+)?$/i.test(text) && fits(value)) return value;
    throw new InvalidArgumentError(`It must be a number ${words}.`);
  };
}

const temperature = decimal((value) => value >= 0 && value <= 1e6, 'of at least 0');
const share = decimal((value) => value > 0 && value <= 1, 'above 0 and at most 1');
const seed = wholeNumber(0, Number.MAX_SAFE_INTEGER);
const listed = (text: string, before: readonly string[] = []): readonly string[] => [...before, text];

const exitStatus = `
Exit status: 0 done, 1 failed, 2 a bad recipe, option or argument, 3 a quality
gate was missed, 129, 130 or 143 stopped by SIGHUP, SIGINT or SIGTERM.`;

/** Bytes from a size as people write it; powers of 1000. */
function byteCount(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kMGT]?)B?$/i.exec(text);
  const units = ['', 'k', 'm', 'g', 't'];
  const bytes = match === null ? 0 : Number(match[1]) * 1000 ** units.indexOf(match[2].toLowerCase());
  if (bytes >= 1) return Math.floor(bytes);
  throw new InvalidArgumentError('It must be a size such as 800MB or 2GB.');
}

/** A command's function with its context in place of commander's. */
type Action<Options> = (path: string, options: Options, context: CommandContext) => Promise<number>;

/**
 * The command line. Parsing it runs the command and hands its exit code to `onExit`; the command sees `signal`.
 * Throws commander's `CommanderError` for a bad command line.
 */
export function createProgram(signal: AbortSignal, onExit: (code: number) => void): Command {
  const act =
    <Options>(action: Action<Options>) =>
    async (path: string, options: Options & { readonly quiet?: boolean }): Promise<void> => {
      const terminal = processTerminal({ quiet: options.quiet === true });
      onExit(await action(path, options, { terminal, signal }));
    };

  const program = new Command('tamp')
    .description('Compress neural networks from recipes.')
    .version(version())
    .exitOverride()
    .showHelpAfterError('(tamp --help says more)')
    .addHelpText('after', exitStatus)
    .addHelpText(
      'after',
      `
Examples:
  $ tamp init my-model                 an example recipe to start from
  $ tamp run recipe.yaml               compress, measure, write
  $ tamp eval out/model.tamp.zip --text eval.txt
  $ tamp generate out/model.tamp.zip --prompt 'def '`,
    );

  program
    .command('run')
    .description('Run a recipe: evaluate, compress, evaluate again, write the result.')
    .argument('<recipe>', 'recipe file (YAML)')
    .option('--json', 'print the result as one JSON object on stdout')
    .option('--quiet', 'no progress and no tables, only errors')
    .option('--threads <n>', 'threads to compute with (default: what the recipe says, or all cores)', threads)
    .option('--no-eval', 'skip the evaluations before and after')
    .option('--max-memory <size>', 'choose what fits this much memory, or refuse: 800MB, 2GB', byteCount)
    .option('--keep', 'write the archive even when a quality gate is missed')
    .option('--resume', 'go on from where an earlier run of the recipe was stopped while it compressed')
    .addHelpText(
      'after',
      `
When a quality gate of the recipe is missed, no archive gets its name: an older
one stays as it was. Reports are written all the same. With --keep the archive
is written too; the exit status is 3 either way.
${exitStatus}

Examples:
  $ tamp run recipe.yaml
  $ tamp run recipe.yaml --json > result.json
  $ tamp run recipe.yaml --no-eval --threads 2
  $ tamp run recipe.yaml --max-memory 1GB`,
    )
    .action(act(runCommand));

  program
    .command('eval')
    .description('Measure the perplexity of a model folder or archive on a text.')
    .argument('<model>', 'model folder or .tamp.zip archive')
    .requiredOption('--text <file>', 'text file (UTF-8)')
    .option('--sequence-length <n>', 'tokens of one window', length, 256)
    .option('--windows <n>', 'use only the first n windows', positive)
    .option('--tokenizer <folder>', 'folder with tokenizer.json, for a model without one')
    .option('--threads <n>', 'threads to compute with (default: all cores)', threads)
    .option('--json', 'print the result as one JSON object on stdout')
    .option('--quiet', 'no progress, only the result')
    .addHelpText(
      'after',
      `
The text is tokenized once without added tokens and cut into whole windows that
do not overlap; the loss is over all tokens of a window but the first.

Examples:
  $ tamp eval ./tiny-llama --text eval.txt
  $ tamp eval out/model.tamp.zip --text eval.txt --windows 20 --json`,
    )
    .action(act(evalCommand));

  program
    .command('generate')
    .description('Continue a text with a language model, word by word, on stdout.')
    .argument('<model>', 'model folder or .tamp.zip archive')
    .requiredOption('--prompt <text>', 'text to continue; - reads it from standard input')
    .option('--max-tokens <n>', 'most tokens to generate', positive, 128)
    .option(
      '--temperature <t>',
      '0 takes the most likely token, 1 draws as likely as the model says',
      temperature,
      0,
    )
    .option('--top-k <n>', 'draw among the n most likely tokens', positive)
    .option('--top-p <p>', 'draw among the fewest tokens whose probabilities reach p', share)
    .option('--seed <n>', 'decides what is drawn', seed, 0)
    .option('--stop <text>', 'end before this text; may be given several times', listed)
    .option('--tokenizer <folder>', 'folder with tokenizer.json, for a model without one')
    .addOption(
      new Option('--backend <name>', "what computes: tamp's CPU kernels, or WebGPU (with the package webgpu)")
        .choices(generateBackends)
        .default('cpu'),
    )
    .option('--threads <n>', 'threads to compute with (default: all cores)', threads)
    .option('--json', 'print text, tokens and figures as one JSON object on stdout, at the end')
    .option('--quiet', 'no figures on stderr')
    .addHelpText(
      'after',
      `
Only the continuation goes to stdout, exactly as generated; figures go to
stderr. It ends at an end token of the model, at a stop text, after
--max-tokens, or when the model's context is full. The same seed gives the same
text.

Examples:
  $ tamp generate ./tiny-llama --prompt 'import numpy as'
  $ tamp generate out/model.tamp.zip --prompt 'def ' --temperature 0.8 --seed 7
  $ git diff | tamp generate model.tamp.zip --prompt - --max-tokens 40 --json`,
    )
    .action(act(generateCommand));

  program
    .command('plan')
    .description(
      'Say what a recipe would do, and what it would cost in time, memory and disk. Writes nothing.',
    )
    .argument('<recipe>', 'recipe file (YAML)')
    .option('--json', 'print the plan as one JSON object on stdout')
    .option('--threads <n>', 'threads to compute with (default: what the recipe says, or all cores)', threads)
    .option('--no-eval', 'plan a run without the evaluations before and after')
    .option('--max-memory <size>', 'choose what fits this much memory, or refuse: 800MB, 2GB', byteCount)
    .addHelpText(
      'after',
      `
Times come from a trial: one block of each kind, a few windows, some steps of a
training.

Examples:
  $ tamp plan recipe.yaml
  $ tamp plan recipe.yaml --json`,
    )
    .action(act(planCommand));

  program
    .command('validate')
    .description('Check a recipe against its modifiers, its model and its texts. Does no work.')
    .argument('<recipe>', 'recipe file (YAML)')
    .option('--json', 'print { valid, problems } as one JSON object on stdout')
    .option('--quiet', 'say nothing but what is wrong')
    .addHelpText('after', '\nExamples:\n  $ tamp validate recipe.yaml\n  $ tamp validate recipe.yaml --json')
    .action(act(validateCommand));

  program
    .command('inspect')
    .description("List a model's parameters: name, shape, how it is stored, bytes.")
    .argument('<model>', 'model folder or .tamp.zip archive')
    .option('--json', 'print the list as one JSON object on stdout')
    .addHelpText(
      'after',
      '\nExamples:\n  $ tamp inspect ./tiny-llama\n  $ tamp inspect out/model.tamp.zip --json',
    )
    .action(act(inspectCommand));

  program
    .command('init')
    .description('Write an example recipe, and a schema with which editors complete and check it.')
    .argument('[folder]', 'where to write', '.')
    .option('--model <path>', 'the model, as the recipe should name it', './model')
    .option('--force', 'write over a recipe that is there')
    .addHelpText('after', '\nExamples:\n  $ tamp init\n  $ tamp init my-model --model ../models/llama')
    .action(act(initCommand));

  program
    .command('schema')
    .description(
      'Write the JSON schema of recipes for editors, with the options of every installed modifier.',
    )
    .argument('[file]', 'where to write', 'tamp.schema.json')
    .option('--stdout', 'print it instead')
    .addHelpText('after', '\nExamples:\n  $ tamp schema\n  $ tamp schema --stdout > recipe.schema.json')
    .action(act(schemaCommand));

  return program;
}
