import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { preview } from 'vite';

/** The built page on a port of this machine. */
export interface ServedSite {
  readonly url: string;
  close(): Promise<void>;
}

const root = join(import.meta.dirname, '../..');

/**
 * Serves `dist/site` as `vite preview` does, or, `isolated: false`, as a server does that knows nothing of COOP and COEP.
 */
export async function serveSite(options: { readonly isolated: boolean }): Promise<ServedSite> {
  if (!existsSync(join(root, 'dist/site/index.html'))) {
    throw new Error('The page is not built: pnpm --filter @tamp/playground build');
  }
  const server = await preview({
    root,
    logLevel: 'error',
    preview: { port: 0, host: '127.0.0.1', ...(options.isolated ? {} : { headers: plainHeaders }) },
  });
  const address = server.httpServer.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return { url: `http://127.0.0.1:${address.port}/`, close: () => server.close() };
}

/** In place of those of `vite.config.ts`. */
const plainHeaders = {
  'Cross-Origin-Opener-Policy': 'unsafe-none',
  'Cross-Origin-Embedder-Policy': 'unsafe-none',
};
