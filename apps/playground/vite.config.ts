import { join } from 'node:path';
import { defineConfig, type UserConfig } from 'vite';
import { shippedFiles } from './vite/shipped-files.js';
import { shippedRecipes } from './vite/shipped-recipes.js';

const example = join(import.meta.dirname, '../../examples/tiny-llama');

/** Lets the page have threads: shared memory needs a page that is isolated from other origins. */
const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

const config: UserConfig = defineConfig({
  // Relative addresses: the built folder works at any path of a server.
  base: './',
  plugins: [shippedFiles(example, 'tiny-llama'), shippedRecipes(example)],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  server: { headers: isolation },
  preview: { headers: isolation },
  worker: { format: 'es' },
  build: {
    outDir: 'dist/site',
    target: 'es2022',
    // The engine holds tfjs and every modifier; it loads in a worker, after the page is there.
    chunkSizeWarningLimit: 2000,
  },
});

export default config;
