import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'vite';

/** The files of the example that the page fetches. Its recipes are bundled as text. */
const names = [
  'calibration.txt',
  'eval.txt',
  'model/config.json',
  'model/generation_config.json',
  'model/model.safetensors',
  'model/tokenizer.json',
  'model/tokenizer_config.json',
];

/**
 * Serves files of the repository at `<prefix>/…` while developing and copies them into the built site, so that they
 * exist once in the repository.
 */
export function shippedFiles(folder: string, prefix: string): Plugin {
  return {
    name: 'shipped-files',
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const name = names.find((one) => request.url?.split('?')[0] === `/${prefix}/${one}`);
        if (name === undefined) return next();
        response.setHeader('Content-Type', 'application/octet-stream');
        response.end(readFileSync(join(folder, name)));
      });
    },
    generateBundle() {
      for (const name of names) {
        this.emitFile({
          type: 'asset',
          fileName: `${prefix}/${name}`,
          source: readFileSync(join(folder, name)),
        });
      }
    },
  };
}
