import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const flags = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Where Chromium is, or undefined. CHROMIUM_PATH names another one. */
function chromiumPath(): string | undefined {
  const { CHROMIUM_PATH } = process.env;
  if (CHROMIUM_PATH !== undefined) return CHROMIUM_PATH;
  return ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
}

/** Where Chromium is. Without one: throws when TAMP_REQUIRE_DRIVERS is 1, and says so loudly otherwise. */
export function findChromium(): string | undefined {
  const path = chromiumPath();
  if (path !== undefined) return path;
  if (process.env.TAMP_REQUIRE_DRIVERS === '1') throw new Error('Chromium is not installed');
  console.warn('SKIPPED: tests of the playground in Chromium, which is not installed.');
  return undefined;
}

/** Starts Chromium with WebGPU on its software adapter, or without WebGPU. */
export function startChromium(
  executablePath: string,
  options: { readonly webgpu: boolean },
): Promise<Browser> {
  return chromium.launch({
    executablePath,
    headless: true,
    chromiumSandbox: false,
    args: options.webgpu ? flags : ['--disable-features=WebGPU', '--disable-gpu', ...flags.slice(2)],
  });
}
