import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: import.meta.dirname,
  test: {
    projects: ['packages/*', 'apps/*'],
    testTimeout: 60_000,
  },
});
