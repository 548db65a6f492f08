import { TampError } from '@tamp/core';

/** Values below which `skip` does not follow a file. */
const maxSkippedDepth = 64;

const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const literal = /true|false|null/y;
const loneSurrogate = /\p{Surrogate}/u;

/** A name from a file, made fit for an error message. */
export function quoted(name: string): string {
  return JSON.stringify(name.length > 120 ? `${name.slice(0, 120)}…` : name);
}

/**
 * Reads JSON of a known form out of untrusted text, strictly and in one pass. Unlike `JSON.parse` it builds
 * nothing that was not asked for, so hostile text costs no memory, and it lets the reader see every key, so
 * duplicates do not vanish. Every defect is a `TampError` (`format`) with the character where it is.
 */
export class JsonCursor {
  #position = 0;
  readonly #text: string;
  readonly #label: string;
  readonly #what: string;

  /** `what` is the text's name in errors, such as `the header`. */
  constructor(text: string, label: string, what: string) {
    this.#text = text;
    this.#label = label;
    this.#what = what;
  }

  /** A `TampError` about the file; `tensor` is the tensor at fault. */
  error(problem: string, remedy: string, tensor?: string): TampError {
    const layer = tensor === undefined ? {} : { layer: quoted(tensor).slice(1, -1) };
    return new TampError(problem, { code: 'format', at: { file: this.#label, ...layer }, remedy });
  }

  #syntaxError(expected: string): TampError {
    const found = this.#text[this.#position];
    return this.error(
      `${this.#what} is not valid JSON: ${expected} expected at character ${this.#position + 1}, ${
        found === undefined ? 'but it ends there' : `found ${JSON.stringify(found)}`
      }`,
      'The file is damaged: fetch or write it again.',
    );
  }

  #skipSpace(): void {
    while (true) {
      const code = this.#text.charCodeAt(this.#position);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#position++;
    }
  }

  #take(character: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#position] !== character) return false;
    this.#position++;
    return true;
  }

  #expect(character: string): void {
    if (!this.#take(character)) throw this.#syntaxError(`"${character}"`);
  }

  #token(pattern: RegExp): string | undefined {
    this.#skipSpace();
    pattern.lastIndex = this.#position;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#position += match[0].length;
    return match[0];
  }

  /** The kind of the value that comes next. */
  peek(): 'object' | 'array' | 'string' | 'other' {
    this.#skipSpace();
    const next = this.#text[this.#position];
    if (next === '{') return 'object';
    if (next === '[') return 'array';
    return next === '"' ? 'string' : 'other';
  }

  /** An object: `onValue` must read the value that follows each key. */
  object(onValue: (key: string) => void): void {
    this.#expect('{');
    if (this.#take('}')) return;
    do {
      const key = this.string();
      this.#expect(':');
      onValue(key);
    } while (this.#take(','));
    this.#expect('}');
  }

  /** An array: `onItem` must read each item. */
  array(onItem: () => void): void {
    this.#expect('[');
    if (this.#take(']')) return;
    do onItem();
    while (this.#take(','));
    this.#expect(']');
  }

  /** A string of well-formed Unicode. */
  string(): string {
    this.#expect('"');
    const start = this.#position;
    let escaped = false;
    while (true) {
      const code = this.#text.charCodeAt(this.#position);
      if (code === 0x22) break;
      if (Number.isNaN(code) || code < 0x20) throw this.#syntaxError('the end of a string');
      if (code === 0x5c) {
        escaped = true;
        this.#position++;
      }
      this.#position++;
    }
    const raw = this.#text.slice(start, this.#position);
    const value = escaped ? this.#unescape(raw, start) : raw;
    this.#position++;
    return value;
  }

  #unescape(raw: string, start: number): string {
    let value: unknown;
    try {
      value = JSON.parse(`"${raw}"`);
    } catch {
      value = undefined;
    }
    if (typeof value !== 'string' || loneSurrogate.test(value)) {
      this.#position = start;
      throw this.#syntaxError('a string with valid escapes');
    }
    return value;
  }

  /** The text of a number. */
  number(): string {
    const token = this.#token(number);
    if (token === undefined) throw this.#syntaxError('a number');
    return token;
  }

  /** Passes over any value. */
  skip(depth = 0): void {
    if (depth > maxSkippedDepth) {
      throw this.error(
        `${this.#what} nests values more than ${maxSkippedDepth} deep`,
        'The file is damaged or hostile: do not use it.',
      );
    }
    const next = this.peek();
    if (next === 'object') this.object(() => this.skip(depth + 1));
    else if (next === 'array') this.array(() => this.skip(depth + 1));
    else if (next === 'string') this.string();
    else if (this.#token(number) === undefined && this.#token(literal) === undefined) {
      throw this.#syntaxError('a value');
    }
  }

  /** Throws unless only white space is left. */
  end(): void {
    this.#skipSpace();
    if (this.#position < this.#text.length) throw this.#syntaxError('nothing more');
  }
}

/** Decodes UTF-8 strictly. A byte order mark is kept, so that it is refused as the start of JSON. */
export function decodeUtf8(bytes: Uint8Array, label: string, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new TampError(`${what} is not valid UTF-8`, {
      code: 'format',
      at: { file: label },
      remedy: 'The file is damaged: fetch or write it again.',
      cause,
    });
  }
}
