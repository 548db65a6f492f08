import { createReadStream, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

/** How a server answers. */
export interface ServerOptions {
  /** Folders by the first part of a path. */
  readonly folders: Readonly<Record<string, string>>;
  /** Whether pages are cross-origin isolated. */
  readonly isolated: boolean;
}

/** A web server on this machine; a path that starts with `/plain` is answered without ranges. */
export interface FileServer {
  readonly origin: string;
  /** Bytes of bodies that were sent for paths that end so. */
  bytesSent(ending: string): number;
  close(): Promise<void>;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

/** Serves folders at http://127.0.0.1, which browsers take for secure. */
export async function startFileServer({ folders, isolated }: ServerOptions): Promise<FileServer> {
  const sent = new Map<string, number>();

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const plain = pathname.startsWith('/plain/');
    const [, first = '', ...rest] = (plain ? pathname.slice('/plain'.length) : pathname).split('/');
    const folder = folders[first];
    const path =
      folder === undefined ? '' : join(folder, normalize(`/${decodeURIComponent(rest.join('/'))}`));
    if (isolated) {
      response.setHeader('cross-origin-opener-policy', 'same-origin');
      response.setHeader('cross-origin-embedder-policy', 'require-corp');
    }
    const size = statSync(path, { throwIfNoEntry: false });
    if (size?.isFile() !== true) {
      response.writeHead(404).end();
      return;
    }
    response.setHeader('content-type', types[extname(path)] ?? 'application/octet-stream');
    const range = plain ? null : /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
    const [start, end] =
      range === null ? [0, size.size] : [Number(range[1]), Math.min(Number(range[2]) + 1, size.size)];
    response.setHeader('content-length', end - start);
    if (range !== null) {
      response.statusCode = 206;
      response.setHeader('content-range', `bytes ${start}-${end - 1}/${size.size}`);
    }
    sent.set(pathname, (sent.get(pathname) ?? 0) + end - start);
    if (end === start) response.end();
    else createReadStream(path, { start, end: end - 1 }).pipe(response);
  }

  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bytesSent: (ending) =>
      [...sent].reduce((sum, [path, bytes]) => (path.endsWith(ending) ? sum + bytes : sum), 0),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
