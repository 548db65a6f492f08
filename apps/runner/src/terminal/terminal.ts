import { createColors } from 'picocolors';

type Colors = ReturnType<typeof createColors>;

/** Where a command speaks: results on stdout, words and progress on stderr. */
export interface Terminal {
  /** Writes a result: a table, or the one JSON object. */
  result(text: string): void;
  /** Writes a piece of a result that comes bit by bit. */
  stream(text: string): void;
  /** Writes words; nothing when quiet. */
  say(text: string): void;
  /** Writes an error, also when quiet. */
  fail(text: string): void;
  /** Whether a moving display can be drawn. */
  readonly live: boolean;
  readonly quiet: boolean;
  /** Characters in a line of stdout; absent where it is no terminal. */
  readonly columns?: number;
  /** For results; off when stdout is no terminal, unless FORCE_COLOR is set, and when NO_COLOR is. */
  readonly colors: Colors;
  /** For words and errors, likewise for stderr. */
  readonly wordColors: Colors;
}

function colorsFor(stream: NodeJS.WriteStream): Colors {
  const { NO_COLOR = '', FORCE_COLOR = '', TERM } = process.env;
  if (NO_COLOR !== '') return createColors(false);
  if (FORCE_COLOR !== '') return createColors(FORCE_COLOR !== '0');
  return createColors(stream.isTTY === true && TERM !== 'dumb');
}

/** The process's own terminal. */
export function processTerminal(options: { readonly quiet?: boolean } = {}): Terminal {
  const { quiet = false } = options;
  const { stdout, stderr } = process;
  return {
    result: (text) => void stdout.write(`${text}\n`),
    stream: (text) => void stdout.write(text),
    say(text) {
      if (!quiet) stderr.write(`${text}\n`);
    },
    fail: (text) => void stderr.write(`${text}\n`),
    live: !quiet && stdout.isTTY === true && stderr.isTTY === true,
    quiet,
    ...(stdout.isTTY === true ? { columns: stdout.columns } : {}),
    colors: colorsFor(stdout),
    wordColors: colorsFor(stderr),
  };
}
