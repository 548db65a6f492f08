/**
 * What went wrong, for programs. `usage`: a recipe, option or argument is wrong (exit code 2 of the command);
 * `format`: a file is damaged, hostile or of a version we do not read; `unsupported`: well formed, but tamp has
 * no such thing (an architecture, a kernel on this backend); `data`: values that no method can work with (NaN,
 * an empty calibration set); `io`: reading or writing failed; `internal`: a defect of tamp itself.
 */
export type TampErrorCode = 'usage' | 'format' | 'unsupported' | 'data' | 'io' | 'internal';

/** Where an error is: any part that is known. */
export interface ErrorLocation {
  /** A file, URL or archive entry. */
  readonly file?: string;
  /** 1-based line of a text file. */
  readonly line?: number;
  /** 1-based column of a text file. */
  readonly column?: number;
  /** A layer or parameter, by its full name. */
  readonly layer?: string;
  /** The modifier that was at work. */
  readonly modifier?: string;
}

/** Options of {@link TampError}. */
export interface TampErrorOptions {
  readonly code: TampErrorCode;
  readonly at?: ErrorLocation;
  /** What the reader can do about it, as an imperative sentence. */
  readonly remedy?: string;
  readonly cause?: unknown;
}

function describeLocation(at: ErrorLocation): string {
  const parts: string[] = [];
  if (at.file !== undefined) {
    const line = at.line === undefined ? '' : `:${at.line}`;
    const column = at.line === undefined || at.column === undefined ? '' : `:${at.column}`;
    parts.push(`${at.file}${line}${column}`);
  }
  if (at.modifier !== undefined) parts.push(at.modifier);
  if (at.layer !== undefined) parts.push(at.layer);
  return parts.join(', ');
}

/**
 * The one error type that tamp throws on purpose. `message` reads `where: what. remedy`, ready to print;
 * the parts stay available for programs.
 */
export class TampError extends Error {
  override readonly name = 'TampError';
  readonly code: TampErrorCode;
  readonly at: ErrorLocation;
  readonly remedy: string | undefined;
  /** The message without location and remedy. */
  readonly problem: string;

  constructor(problem: string, options: TampErrorOptions) {
    const where = describeLocation(options.at ?? {});
    const sentence = /[.!?]$/.test(problem) ? problem : `${problem}.`;
    super(
      `${where === '' ? '' : `${where}: `}${sentence}${options.remedy === undefined ? '' : ` ${options.remedy}`}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.problem = problem;
    this.code = options.code;
    this.at = options.at ?? {};
    this.remedy = options.remedy;
  }

  /** The same error with more of its location filled in; parts already known are kept. */
  located(at: ErrorLocation): TampError {
    return new TampError(this.problem, {
      code: this.code,
      at: { ...at, ...this.at },
      ...(this.remedy === undefined ? {} : { remedy: this.remedy }),
      cause: this.cause ?? this,
    });
  }
}

/** Whether a caught value is a {@link TampError}, also one from another copy of this package. */
export function isTampError(error: unknown): error is TampError {
  return error instanceof Error && error.name === 'TampError' && 'code' in error && 'problem' in error;
}
