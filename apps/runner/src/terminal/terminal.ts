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
  /** For results; off when stdout is no terminal or NO_COLOR is set. */
  readonly colors: Colors;
  /** For words and errors, likewise for stderr. */
  readonly wordColors: Colors;
}

function colorsFor(stream: NodeJS.WriteStream): Colors {
  const refused = (process.env.NO_COLOR ?? '') !== '' || process.env.TERM === 'dumb';
  return createColors(stream.isTTY === true && !refused);
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
    colors: colorsFor(stdout),
    wordColors: colorsFor(stderr),
  };
}
