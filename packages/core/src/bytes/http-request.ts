import { TampError } from '../errors/tamp-error.js';

/** How requests to one URL are made. */
export interface HttpSettings {
  readonly url: string;
  /** What to call the URL in errors. */
  readonly label: string;
  readonly fetch: typeof globalThis.fetch;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | undefined;
  /** Tries in all, the first included. */
  readonly attempts: number;
  /** Wait before the second try; each later wait doubles it. */
  readonly retryDelayMs: number;
  /** How long the server may stay silent. */
  readonly idleTimeoutMs: number;
}

/** The response of one attempt. Its body must be read through `chunks`, which watches for silence. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: Headers;
  chunks(): AsyncIterable<Uint8Array>;
}

/** A failure that another attempt may not meet: no connection, a broken one, a busy server. */
class TransientFailure {
  constructor(
    readonly error: TampError,
    readonly retryAfterMs?: number,
  ) {}
}

/** No server may make us wait longer than this between two attempts. */
const maxRetryDelayMs = 10_000;

/** Throws a failure of this attempt that is worth another one. */
export function failTransiently(settings: HttpSettings, problem: string): never {
  throw new TransientFailure(networkError(settings, problem));
}

function networkError(settings: HttpSettings, problem: string, cause?: unknown): TampError {
  return new TampError(problem, {
    code: 'io',
    at: { file: settings.label },
    remedy: 'Check the connection and that the server is up (in a browser also that it allows this origin).',
    ...(cause === undefined ? {} : { cause }),
  });
}

function retryAfterMs(headers: Headers): number | undefined {
  const value = headers.get('retry-after');
  if (value === null) return undefined;
  const wait = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(wait) ? undefined : Math.max(0, wait);
}

/** 501 and 505 say that the server will never serve such a request; the other 5xx pass. */
function isTransientStatus(status: number): boolean {
  if (status === 501 || status === 505) return false;
  return status === 408 || status === 425 || status === 429 || status >= 500;
}

function permanentRemedy(status: number): string {
  if (status === 401 || status === 403)
    return 'Check that the URL may be read, or pass an authorization header.';
  if (status === 404 || status === 410) return 'Check the URL.';
  return 'Check that the URL leads to the file itself.';
}

/** Throws unless the status is one of `expected`. */
export function expectStatus(
  settings: HttpSettings,
  response: HttpResponse,
  expected: readonly number[],
): void {
  const { status } = response;
  if (expected.includes(status)) return;
  const problem = `the server answered with status ${status}`;
  if (isTransientStatus(status)) {
    throw new TransientFailure(networkError(settings, problem), retryAfterMs(response.headers));
  }
  throw new TampError(problem, {
    code: 'io',
    at: { file: settings.label },
    remedy: permanentRemedy(status),
  });
}

async function attemptOnce<T>(
  settings: HttpSettings,
  init: { readonly method: 'GET' | 'HEAD'; readonly headers?: Readonly<Record<string, string>> },
  use: (response: HttpResponse) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const giveUp = (): void => controller.abort();
  let timer = setTimeout(giveUp, settings.idleTimeoutMs);
  const stillAlive = (): void => {
    clearTimeout(timer);
    timer = setTimeout(giveUp, settings.idleTimeoutMs);
  };
  settings.signal?.addEventListener('abort', giveUp);

  async function* chunks(response: Response): AsyncGenerator<Uint8Array> {
    const reader = response.body?.getReader();
    if (reader === undefined) return;
    while (true) {
      const { done, value } = await reader.read();
      if (done) return;
      stillAlive();
      yield value;
    }
  }

  try {
    settings.signal?.throwIfAborted();
    const response = await settings.fetch(settings.url, {
      method: init.method,
      headers: { ...settings.headers, ...init.headers },
      signal: controller.signal,
    });
    stillAlive();
    return await use({
      status: response.status,
      headers: response.headers,
      chunks: () => chunks(response),
    });
  } catch (cause) {
    if (settings.signal?.aborted === true) throw settings.signal.reason;
    if (cause instanceof TampError || cause instanceof TransientFailure) throw cause;
    const problem = controller.signal.aborted
      ? `the server was silent for ${settings.idleTimeoutMs} ms`
      : 'the server cannot be reached or broke the connection';
    throw new TransientFailure(networkError(settings, problem, cause));
  } finally {
    clearTimeout(timer);
    settings.signal?.removeEventListener('abort', giveUp);
    // Frees the connection when the body was not read to its end.
    controller.abort();
  }
}

async function wait(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', stop, { once: true });
  });
}

/**
 * Makes a request and hands its response to `use`, again after a pause when the failure is transient: the
 * network failed, the server was silent, or it answered 408, 425, 429 or 5xx (but 501 and 505). Every other
 * failure is permanent and is thrown at once. Rejects with a `TampError`, or with the signal's reason when the
 * caller's signal is aborted.
 */
export async function httpRequest<T>(
  settings: HttpSettings,
  init: { readonly method: 'GET' | 'HEAD'; readonly headers?: Readonly<Record<string, string>> },
  use: (response: HttpResponse) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await attemptOnce(settings, init, use);
    } catch (failure) {
      if (!(failure instanceof TransientFailure)) throw failure;
      if (attempt >= settings.attempts) {
        const { problem } = failure.error;
        throw networkError(
          settings,
          attempt === 1 ? problem : `${problem} (tried ${attempt} times)`,
          failure.error.cause,
        );
      }
      const delay = failure.retryAfterMs ?? settings.retryDelayMs * 2 ** (attempt - 1);
      await wait(Math.min(delay, maxRetryDelayMs), settings.signal);
    }
  }
}
