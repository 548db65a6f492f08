import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { launchChromium } from '@tamp/fixtures/chromium';
import type { Browser, Page } from 'playwright-core';
import { build } from 'vite';
import type { TestPage } from '../page/main.js';

/** A page with the tests' code in a real Chromium. */
export interface ChromiumPage {
  readonly version: string;
  /** Calls a function of the page. */
  call<K extends keyof TestPage>(
    name: K,
    ...parameters: Parameters<TestPage[K]>
  ): Promise<Awaited<ReturnType<TestPage[K]>>>;
  /** Serves a file to the page at `/files/<name>`. */
  serve(name: string, path: string): Promise<string>;
  close(): Promise<void>;
}

/** Only the tests answer for this name; https, because WebGPU needs a secure page. */
const origin = 'https://tamp.invalid';

function contentType(file: string): string {
  return file.endsWith('.wasm') ? 'application/wasm' : 'application/zip';
}

async function bundle(): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: 'error',
    root: join(import.meta.dirname, '../page'),
    build: {
      write: false,
      minify: false,
      lib: { entry: join(import.meta.dirname, '../page/main.ts'), formats: ['es'], fileName: 'main' },
    },
  });
  const [output] = Array.isArray(result) ? result : [result];
  if (!('output' in output)) throw new Error('vite gave no bundle');
  const code = output.output.find((chunk) => chunk.type === 'chunk' && chunk.isEntry);
  if (code?.type !== 'chunk') throw new Error('vite gave no entry');
  return code.code;
}

async function openPage(browser: Browser, files: ReadonlyMap<string, string>): Promise<Page> {
  const page = await browser.newPage();
  page.setDefaultTimeout(150_000);
  const script = await bundle();
  await page.route(`${origin}/**`, (route) => {
    const { pathname } = new URL(route.request().url());
    const file = files.get(pathname);
    if (file !== undefined)
      return route.fulfill({ body: readFileSync(file), contentType: contentType(file) });
    if (pathname === '/main.js') return route.fulfill({ body: script, contentType: 'text/javascript' });
    if (pathname === '/') {
      return route.fulfill({
        body: '<!doctype html><title>tests</title><script type="module" src="/main.js"></script>',
        contentType: 'text/html',
      });
    }
    return route.fulfill({ status: 404 });
  });
  await page.goto(origin);
  await page.waitForFunction(() => 'testPage' in globalThis);
  return page;
}

/** Starts Chromium with the tests' page. */
export async function startChromiumPage(): Promise<ChromiumPage> {
  const browser = await launchChromium();
  const files = new Map<string, string>();
  try {
    const page = await openPage(browser, files);
    return {
      version: browser.version(),
      call: (name, ...parameters) =>
        page.evaluate(
          ([key, values]) => {
            const { testPage } = globalThis as unknown as {
              testPage: Record<string, (...given: unknown[]) => unknown>;
            };
            return testPage[key](...values);
          },
          [name, parameters as unknown[]] as const,
        ) as ReturnType<typeof page.evaluate> as Promise<never>,
      serve(name, path) {
        files.set(`/files/${name}`, path);
        return Promise.resolve(`${origin}/files/${name}`);
      },
      close: () => browser.close(),
    };
  } catch (error) {
    await browser.close();
    throw error;
  }
}
