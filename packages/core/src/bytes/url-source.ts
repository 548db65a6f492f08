import { TampError } from '../errors/tamp-error.js';
import { type ByteSource, bytesOf, checkRange } from './byte-source.js';
import {
  expectStatus,
  failTransiently,
  type HttpResponse,
  type HttpSettings,
  httpRequest,
} from './http-request.js';

/** Options of {@link urlSource}. */
export interface UrlSourceOptions {
  /** Sent with every request, such as an authorization. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Stops requests that run and refuses later ones; reads then reject with its reason. */
  readonly signal?: AbortSignal;
  /** Tries of a request in all when failures are transient. Default 4. */
  readonly attempts?: number;
  /** Wait before the second try in milliseconds, doubled before each later one. Default 250. */
  readonly retryDelayMs?: number;
  /** How long the server may stay silent, in milliseconds. Default 30,000. */
  readonly idleTimeoutMs?: number;
  /**
   * The largest file, in bytes, that is downloaded whole and kept in memory when the server has no range
   * requests. Default 64 MiB; 0 refuses such servers.
   */
  readonly maxWholeBytes?: number;
  /** Used in place of the global `fetch`. */
  readonly fetch?: typeof globalThis.fetch;
}

interface ContentRange {
  readonly start: number;
  readonly end: number;
  readonly total: number | undefined;
}

/** Parses `bytes 0-99/1000`, `bytes 0-99/*`; the end is exclusive here. */
function parseContentRange(value: string | null): ContentRange | undefined {
  const match = /^\s*bytes\s+(\d+)-(\d+)\/(\d+|\*)\s*$/i.exec(value ?? '');
  if (match === null) return undefined;
  const total = match[3] === '*' ? undefined : Number(match[3]);
  return { start: Number(match[1]), end: Number(match[2]) + 1, total };
}

function contentLength(headers: Headers): number | undefined {
  const encoding = headers.get('content-encoding') ?? 'identity';
  const value = headers.get('content-length');
  if (value === null || !/^\d+$/.test(value) || encoding !== 'identity') return undefined;
  return Number(value);
}

function serverError(settings: HttpSettings, problem: string, remedy: string): TampError {
  return new TampError(problem, { code: 'io', at: { file: settings.label }, remedy });
}

const otherServer = 'Use a server that supports range requests, or download the file and open it from disk.';

/** Reads the whole body, at most `limit` bytes of it. */
async function readWhole(settings: HttpSettings, response: HttpResponse, limit: number): Promise<Uint8Array> {
  function refuse(): never {
    throw serverError(
      settings,
      `the server ignores range requests, and the file has more than the ${limit} bytes that may be downloaded whole`,
      otherServer,
    );
  }
  const declared = contentLength(response.headers);
  if (declared !== undefined && declared > limit) refuse();
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.chunks()) {
    length += chunk.byteLength;
    if (length > limit) refuse();
    parts.push(chunk);
  }
  if (declared !== undefined && length !== declared) {
    failTransiently(settings, `the server sent ${length} of ${declared} bytes`);
  }
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.byteLength;
  }
  return whole;
}

/** Fills `target` from the body, which must have exactly its length. */
async function readInto(settings: HttpSettings, response: HttpResponse, target: Uint8Array): Promise<void> {
  let filled = 0;
  for await (const chunk of response.chunks()) {
    if (filled + chunk.byteLength > target.byteLength) {
      throw serverError(settings, 'the server sent more bytes than asked for', otherServer);
    }
    target.set(chunk, filled);
    filled += chunk.byteLength;
  }
  if (filled < target.byteLength) {
    failTransiently(settings, `the server sent ${filled} of ${target.byteLength} bytes`);
  }
}

/** What the first request tells about the file. */
type Probe =
  | { readonly kind: 'ranges'; readonly total: number | undefined; readonly entityTag: string | null }
  | { readonly kind: 'whole'; readonly bytes: Uint8Array };

function probe(settings: HttpSettings, maxWholeBytes: number): Promise<Probe> {
  return httpRequest(settings, { method: 'GET', headers: { range: 'bytes=0-0' } }, async (response) => {
    expectStatus(settings, response, [200, 206, 416]);
    if (response.status === 200) {
      return { kind: 'whole', bytes: await readWhole(settings, response, maxWholeBytes) };
    }
    if (response.status === 416 && /\/0\s*$/.test(response.headers.get('content-range') ?? '')) {
      return { kind: 'whole', bytes: new Uint8Array(0) };
    }
    const total = parseContentRange(response.headers.get('content-range'))?.total;
    return { kind: 'ranges', total, entityTag: response.headers.get('etag') };
  });
}

/** The size by a HEAD request: pages of another origin cannot see Content-Range unless the server lets them. */
function sizeFromHead(settings: HttpSettings): Promise<number> {
  return httpRequest(settings, { method: 'HEAD' }, async (response) => {
    expectStatus(settings, response, [200]);
    const size = contentLength(response.headers);
    if (size === undefined) {
      throw serverError(
        settings,
        'the server does not tell the size of the file',
        'Let it send Content-Length, or expose Content-Range to this origin.',
      );
    }
    return size;
  });
}

function absoluteUrl(url: string | URL): URL {
  const base = globalThis.location?.href;
  let parsed: URL | undefined;
  try {
    parsed = new URL(url, base);
  } catch (cause) {
    throw new TampError(`"${String(url)}" is not a URL`, {
      code: 'usage',
      remedy: 'Give an absolute http or https URL.',
      cause,
    });
  }
  if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:') {
    throw new TampError(`URLs of the kind ${parsed.protocol} are not read by ranges`, {
      code: 'usage',
      at: { file: parsed.protocol },
      remedy: 'Give an http or https URL.',
    });
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw new TampError('the URL holds a user name or password', {
      code: 'usage',
      at: { file: `${parsed.origin}${parsed.pathname}` },
      remedy: 'Pass them as an authorization header instead.',
    });
  }
  return parsed;
}

/**
 * A file on an HTTP server as a byte source: its size is asked for now, and each read is one range request.
 * Transient failures (no network, silence, status 408, 425, 429, 5xx) are tried again, all others are reported at once.
 * From a server that ignores ranges the file is downloaded whole and kept, up to `maxWholeBytes`.
 *
 * Rejects with a `TampError` (`io`, or `usage` for what is not an http URL). Errors name the URL without its
 * query, which often holds a signature.
 */
export async function urlSource(url: string | URL, options: UrlSourceOptions = {}): Promise<ByteSource> {
  const target = absoluteUrl(url);
  const settings: HttpSettings = {
    url: target.href,
    label: `${target.origin}${target.pathname}`,
    fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    headers: options.headers ?? {},
    signal: options.signal,
    attempts: options.attempts ?? 4,
    retryDelayMs: options.retryDelayMs ?? 250,
    idleTimeoutMs: options.idleTimeoutMs ?? 30_000,
  };
  const { label } = settings;

  const first = await probe(settings, options.maxWholeBytes ?? 64 * 2 ** 20);
  if (first.kind === 'whole') return bytesOf(first.bytes, label);
  const byteLength = first.total ?? (await sizeFromHead(settings));
  if (!Number.isSafeInteger(byteLength)) {
    throw serverError(settings, 'the server gives the file an impossible size', otherServer);
  }

  function checkUnchanged(response: HttpResponse, start: number, end: number): void {
    const entityTag = response.headers.get('etag');
    const range = parseContentRange(response.headers.get('content-range'));
    const firstTag = first.kind === 'ranges' ? first.entityTag : null;
    const otherTag = firstTag !== null && entityTag !== null && entityTag !== firstTag;
    if (otherTag || (range?.total !== undefined && range.total !== byteLength)) {
      throw serverError(settings, 'the file changed on the server while it was read', 'Open it again.');
    }
    if (range !== undefined && (range.start !== start || range.end !== end)) {
      throw serverError(settings, 'the server sent another range than asked for', otherServer);
    }
  }

  const source: ByteSource = {
    label,
    byteLength,
    async read(start, end) {
      checkRange(source, start, end);
      const bytes = allocate(settings, end - start);
      if (bytes.byteLength === 0) return bytes;
      const headers = { range: `bytes=${start}-${end - 1}` };
      await httpRequest(settings, { method: 'GET', headers }, async (response) => {
        expectStatus(settings, response, [200, 206, 416]);
        if (response.status === 416) {
          throw serverError(settings, 'the file changed on the server while it was read', 'Open it again.');
        }
        if (response.status === 200) {
          throw serverError(settings, 'the server stopped answering range requests', otherServer);
        }
        checkUnchanged(response, start, end);
        await readInto(settings, response, bytes);
      });
      return bytes;
    },
  };
  return source;
}

function allocate(settings: HttpSettings, length: number): Uint8Array {
  try {
    return new Uint8Array(length);
  } catch (cause) {
    throw new TampError(`${length} bytes do not fit in memory`, {
      code: 'io',
      at: { file: settings.label },
      remedy: 'Read smaller ranges.',
      cause,
    });
  }
}
