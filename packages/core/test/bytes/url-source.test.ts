import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { type UrlSourceOptions, urlSource } from '../../src/bytes/url-source.js';

const content = Uint8Array.from({ length: 5000 }, (_, i) => (i * 7) % 251);

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

/** Answers like a server that supports ranges. */
function serveRanges(request: IncomingMessage, response: ServerResponse, bytes = content): void {
  const match = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
  if (request.method === 'HEAD' || match === null) {
    response.writeHead(200, { 'content-length': bytes.byteLength });
    response.end(request.method === 'HEAD' ? undefined : bytes);
    return;
  }
  const start = Number(match[1]);
  if (start >= bytes.byteLength) {
    response.writeHead(416, { 'content-range': `bytes */${bytes.byteLength}` }).end();
    return;
  }
  const end = Math.min(Number(match[2]) + 1, bytes.byteLength);
  response.writeHead(206, {
    'content-range': `bytes ${start}-${end - 1}/${bytes.byteLength}`,
    'content-length': end - start,
    etag: '"one"',
  });
  response.end(bytes.subarray(start, end));
}

let server: Server | undefined;
let requests: { method: string | undefined; range: string | undefined }[] = [];

async function start(handler: Handler): Promise<string> {
  requests = [];
  const running = createServer((request, response) => {
    requests.push({ method: request.method, range: request.headers.range });
    handler(request, response, requests.length);
  });
  server = running;
  await new Promise<void>((resolve) => running.listen(0, '127.0.0.1', resolve));
  const address = running.address();
  if (address === null || typeof address === 'string') throw new Error('the test server has no port');
  return `http://127.0.0.1:${address.port}/model.bin`;
}

async function stop(): Promise<void> {
  const running = server;
  server = undefined;
  if (running === undefined) return;
  running.closeAllConnections();
  await new Promise((resolve) => running.close(resolve));
}

afterEach(stop);

const quick: UrlSourceOptions = { retryDelayMs: 1 };

describe('urlSource', () => {
  it('asks for the size and the ranges only', async () => {
    const url = await start((request, response) => serveRanges(request, response));
    const source = await urlSource(url, quick);
    expect(source.byteLength).toBe(content.byteLength);
    expect(await source.read(100, 120)).toEqual(content.slice(100, 120));
    expect(await source.read(4990, 5000)).toEqual(content.slice(4990));
    expect(await source.read(7, 7)).toHaveLength(0);
    expect(requests).toEqual([
      { method: 'GET', range: 'bytes=0-0' },
      { method: 'GET', range: 'bytes=100-119' },
      { method: 'GET', range: 'bytes=4990-4999' },
    ]);
    await expect(source.read(4990, 5001)).rejects.toMatchObject({ code: 'format' });
  });

  it('takes the size from HEAD when the range tells none', async () => {
    const url = await start((request, response) => {
      if (request.method === 'HEAD') return serveRanges(request, response);
      response.writeHead(206, { 'content-range': 'bytes 0-0/*' }).end(content.subarray(0, 1));
    });
    expect((await urlSource(url, quick)).byteLength).toBe(content.byteLength);
    expect(requests.map((request) => request.method)).toEqual(['GET', 'HEAD']);
  });

  it('sends the headers and hides the query in errors', async () => {
    const url = await start((request, response) => {
      response.writeHead(request.headers.authorization === 'Bearer x' ? 404 : 401).end();
    });
    const opened = urlSource(`${url}?signature=secret`, { ...quick, headers: { authorization: 'Bearer x' } });
    await expect(opened).rejects.toMatchObject({
      code: 'io',
      at: { file: url },
      problem: 'the server answered with status 404',
    });
  });

  it('opens an empty file', async () => {
    const url = await start((request, response) => serveRanges(request, response, new Uint8Array(0)));
    const source = await urlSource(url, quick);
    expect(source.byteLength).toBe(0);
    expect(await source.read(0, 0)).toHaveLength(0);
  });

  it('downloads a small file whole when the server ignores ranges', async () => {
    const url = await start((_, response) => response.writeHead(200).end(content));
    const source = await urlSource(url, { ...quick, maxWholeBytes: content.byteLength });
    expect(await source.read(10, 4000)).toEqual(content.slice(10, 4000));
    expect(await source.read(0, 5000)).toEqual(content);
    expect(requests).toHaveLength(1);
  });

  it.each([
    ['declared', { 'content-length': content.byteLength }],
    ['undeclared', {}],
  ])('refuses a larger file of %s size from such a server', async (_, headers) => {
    const url = await start((_request, response) => response.writeHead(200, headers).end(content));
    const opened = urlSource(url, { ...quick, maxWholeBytes: content.byteLength - 1 });
    await expect(opened).rejects.toMatchObject({
      code: 'io',
      problem: expect.stringContaining('ignores range requests'),
    });
    expect(requests).toHaveLength(1);
  });

  it('tries again after transient failures', async () => {
    const url = await start((request, response, count) => {
      if (count === 1) response.writeHead(503, { 'retry-after': '0' }).end();
      else if (count === 2) request.socket.destroy();
      else if (count === 4) {
        // Half a body, then the connection breaks.
        response.writeHead(206, { 'content-range': 'bytes 0-999/5000', 'content-length': 1000 });
        response.write(content.subarray(0, 500), () => request.socket.destroy());
      } else serveRanges(request, response);
    });
    const source = await urlSource(url, quick);
    expect(await source.read(0, 1000)).toEqual(content.slice(0, 1000));
    expect(requests).toHaveLength(5);
  });

  it('gives up after the last attempt', async () => {
    const url = await start((_, response) => response.writeHead(500).end());
    await expect(urlSource(url, { ...quick, attempts: 3 })).rejects.toMatchObject({
      code: 'io',
      problem: 'the server answered with status 500 (tried 3 times)',
    });
    expect(requests).toHaveLength(3);
  });

  it.each([400, 401, 403, 404, 410, 501])('reports status %i at once', async (status) => {
    const url = await start((_, response) => response.writeHead(status).end());
    await expect(urlSource(url, quick)).rejects.toMatchObject({
      code: 'io',
      problem: `the server answered with status ${status}`,
    });
    expect(requests).toHaveLength(1);
  });

  it('gives up on a silent server', async () => {
    const url = await start(() => undefined);
    await expect(urlSource(url, { ...quick, attempts: 2, idleTimeoutMs: 20 })).rejects.toMatchObject({
      code: 'io',
      problem: 'the server was silent for 20 ms (tried 2 times)',
    });
  });

  it('reports a server that is not there', async () => {
    const url = await start((request, response) => serveRanges(request, response));
    await stop();
    await expect(urlSource(url, { ...quick, attempts: 2 })).rejects.toMatchObject({
      code: 'io',
      problem: 'the server cannot be reached or broke the connection (tried 2 times)',
    });
  });

  it('notices that the file changed', async () => {
    const url = await start((request, response, count) => {
      serveRanges(request, response, count === 1 ? content : content.subarray(1));
    });
    const source = await urlSource(url, quick);
    await expect(source.read(0, 10)).rejects.toMatchObject({
      code: 'io',
      problem: expect.stringContaining('changed'),
    });
  });

  it.each([
    ['another range', 'bytes 1-10/5000', 10],
    ['more bytes', 'bytes 0-9/5000', 11],
  ])('refuses %s than asked for', async (_, range, length) => {
    const url = await start((request, response, count) => {
      if (count === 1) return serveRanges(request, response);
      response.writeHead(206, { 'content-range': range }).end(content.subarray(0, length));
    });
    const source = await urlSource(url, quick);
    await expect(source.read(0, 10)).rejects.toMatchObject({ code: 'io' });
    expect(requests).toHaveLength(2);
  });

  it('stops when the caller aborts', async () => {
    const url = await start((_, response) => response.writeHead(503).end());
    const controller = new AbortController();
    const opened = urlSource(url, { retryDelayMs: 60_000, signal: controller.signal });
    await expect.poll(() => requests.length).toBe(1);
    controller.abort(new Error('enough'));
    await expect(opened).rejects.toThrow('enough');
  });

  it.each(['not a url', 'ftp://example.org/x', 'http://me:word@example.org/x'])('refuses %s', async (url) => {
    await expect(urlSource(url, quick)).rejects.toMatchObject({ code: 'usage' });
  });
});
