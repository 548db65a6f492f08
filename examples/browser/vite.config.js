import { defineConfig } from 'vite';

// Threads need shared memory, which browsers give to cross-origin-isolated pages only: the server must send these.
const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

export default defineConfig({
  base: './',
  worker: { format: 'es' },
  server: { headers: isolation },
  preview: { headers: isolation },
});
