import { createServer, type Server } from 'node:http';
import { readAll } from '@tamp/core';
import { afterEach, describe, expect, it } from 'vitest';
import { openCheckpoint, openSafetensors, urlSource } from '../src/index.js';
import { entryText, fileBytes } from './build-file.js';

const data = Uint8Array.from({ length: 100_000 }, (_, i) => i % 256);
const model = fileBytes(
  `{${entryText('a', 'U8', [60_000], 0, 60_000)},${entryText('b', 'U8', [40_000], 60_000, 100_000)}}`,
  data,
);

let server: Server | undefined;
let sent = 0;

/** Serves the files; counts the bytes of bodies. */
async function serve(files: Readonly<Record<string, Uint8Array>>, ranges: boolean): Promise<string> {
  sent = 0;
  const running = createServer((request, response) => {
    const file = files[(request.url ?? '').slice(1)];
    const match = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
    if (file === undefined) response.writeHead(404).end();
    else if (match === null || !ranges) {
      sent += file.byteLength;
      response.writeHead(200).end(file);
    } else {
      const body = file.subarray(Number(match[1]), Number(match[2]) + 1);
      sent += body.byteLength;
      response
        .writeHead(206, { 'content-range': `bytes ${match[1]}-${match[2]}/${file.byteLength}` })
        .end(body);
    }
  });
  server = running;
  await new Promise<void>((resolve) => running.listen(0, '127.0.0.1', resolve));
  const address = running.address();
  if (address === null || typeof address === 'string') throw new Error('the test server has no port');
  return `http://127.0.0.1:${address.port}/`;
}

afterEach(async () => {
  const running = server;
  server = undefined;
  running?.closeAllConnections();
  await new Promise((resolve) => (running === undefined ? resolve(undefined) : running.close(resolve)));
});

describe('safetensors from a URL', () => {
  it('fetches the header and the tensor that is read', async () => {
    const folder = await serve({ 'model.safetensors': model }, true);
    const file = await openSafetensors(await urlSource(`${folder}model.safetensors`));
    const headerBytes = model.byteLength - data.byteLength;
    // The first request asks for one byte, to learn the size.
    expect(sent).toBe(1 + headerBytes);
    expect(await readAll(file.tensor('b'))).toEqual(data.slice(60_000));
    expect(sent).toBe(1 + headerBytes + 40_000);
  });

  it('works with a server without ranges', async () => {
    const folder = await serve({ 'model.safetensors': model }, false);
    const file = await openSafetensors(await urlSource(`${folder}model.safetensors`));
    expect(await readAll(file.tensor('b'))).toEqual(data.slice(60_000));
    expect(sent).toBe(model.byteLength);
  });

  it('opens a sharded checkpoint', async () => {
    const index = new TextEncoder().encode('{"weight_map":{"a":"one.safetensors","b":"one.safetensors"}}');
    const folder = await serve({ 'model.safetensors.index.json': index, 'one.safetensors': model }, true);
    const open = (name: string) => urlSource(new URL(name, folder));
    const checkpoint = await openCheckpoint(open, { entry: 'model.safetensors.index.json' });
    expect(await readAll(checkpoint.tensor('a'))).toEqual(data.slice(0, 60_000));
  });

  it('reports a file that the server does not have', async () => {
    const folder = await serve({}, true);
    await expect(openCheckpoint((name) => urlSource(folder + name))).rejects.toMatchObject({
      code: 'io',
      at: { file: `${folder}model.safetensors` },
      problem: 'the server answered with status 404',
    });
  });
});
