import { build, createLogger } from 'vite';

/** Bundles a page into a folder as a user's project would; gives what the bundler warned of. */
export async function buildPage(root: string, outDir: string): Promise<readonly string[]> {
  const warnings: string[] = [];
  const logger = createLogger('warn');
  logger.warn = (message) => {
    warnings.push(message);
  };
  logger.warnOnce = logger.warn;
  await build({
    configFile: false,
    root,
    base: './',
    customLogger: logger,
    worker: { format: 'es' },
    build: { outDir, emptyOutDir: true, minify: false, chunkSizeWarningLimit: 1e6 },
  });
  return warnings;
}
