import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page, Worker } from 'playwright-core';
import { expect } from 'vitest';

const artifacts = join(import.meta.dirname, '../artifacts');

/** How the page is looked at. */
export interface View {
  readonly colorScheme?: 'light' | 'dark';
  readonly width?: number;
}

/** What tfjs keeps in a worker's global object. */
interface WithTfjs {
  readonly _tfengine: {
    readonly backendName: string;
    readonly state: { readonly numTensors: number };
    readonly backendInstance: { readonly device: { destroy(): void } };
  };
}

/** The page in a browser, and what a person does there. */
export class Playground {
  readonly #complaints: string[] = [];

  private constructor(readonly page: Page) {
    page.on('console', (message) => {
      // Chromium's own word for a missing adapter, which the page cannot keep it from saying.
      if (message.text() === 'No available adapters.') return;
      if (message.type() === 'error' || message.type() === 'warning') this.#complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.#complaints.push(error.message));
  }

  /** Opens the page and waits until the recipe for the model that comes with it is ready. */
  static async open(browser: Browser, url: string, view: View = {}): Promise<Playground> {
    const page = await browser.newPage({
      viewport: { width: view.width ?? 1280, height: 900 },
      colorScheme: view.colorScheme ?? 'light',
    });
    page.setDefaultTimeout(150_000);
    const playground = new Playground(page);
    await page.goto(url);
    await playground.ready();
    return playground;
  }

  /** Drops a file or a folder of this machine onto the model's card, as from a file manager. */
  async drop(path: string): Promise<void> {
    const box = await this.page.locator('#model .drop').boundingBox();
    if (box === null) throw new Error('there is nothing to drop on');
    const session = await this.page.context().newCDPSession(this.page);
    const event = {
      x: box.x + box.width / 2,
      y: box.y + box.height / 2,
      data: { items: [], files: [path], dragOperationsMask: 1 },
    };
    for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
      await session.send('Input.dispatchDragEvent', { type, ...event });
    }
    await session.detach();
  }

  /** Waits until the recipe can be run. */
  async ready(): Promise<void> {
    await this.page.locator('#recipe .good', { hasText: 'Ready' }).waitFor();
  }

  /** Puts another text into the editor. */
  async writeRecipe(change: (text: string) => string): Promise<void> {
    const editor = this.page.locator('#recipe .cm-content');
    const text = await editor.evaluate((element) =>
      Array.from(element.querySelectorAll('.cm-line'), (line) => line.textContent).join('\n'),
    );
    await editor.fill(change(text));
  }

  /** Chooses a recipe that comes with the page, with fewer windows. */
  async chooseRecipe(name: string, windows: number): Promise<void> {
    await this.page.getByLabel('Start from a recipe').selectOption(name);
    await this.writeRecipe((text) => text.replace(/windows: \d+/, `windows: ${windows}`));
    await this.ready();
  }

  /** Runs the recipe to its result. */
  async compress(backend: 'cpu' | 'webgpu' = 'cpu'): Promise<void> {
    await this.page.locator(`#run input[value="${backend}"]`).check();
    await this.page.getByRole('button', { name: 'Compress', exact: true }).click();
    await this.page.locator('#result').waitFor();
  }

  /** A figure of the result, before and after. */
  async figure(name: string): Promise<readonly [before: string, after: string]> {
    const figure = this.page.locator(`#result [data-figure="${name}"]`);
    const [before, after] = await figure.locator('.before, .after').allTextContents();
    return [before, after];
  }

  /** Lets both models continue a prompt, by another number of tokens than the last time, and gives what they write. */
  async continue(prompt: string, tokens: number, backend: 'cpu' | 'webgpu'): Promise<readonly string[]> {
    const card = this.page.locator('#continuation');
    await card.getByLabel('Prompt').fill(prompt);
    await card.getByLabel('Tokens').fill(`${tokens}`);
    await card.locator(`input[value="${backend}"]`).check();
    await card.getByRole('button', { name: 'Continue the prompt' }).click();
    for (const side of ['float', 'compressed']) {
      await card.locator(`[data-model="${side}"]`, { hasText: `${tokens} tokens` }).waitFor();
    }
    return card.locator('.written').allTextContents();
  }

  /** The worker that computes with a tfjs backend. */
  async engine(backend: 'tamp-cpu' | 'webgpu'): Promise<Worker> {
    for (const worker of this.page.workers()) {
      if (!worker.url().startsWith('http')) continue;
      const name = await worker
        .evaluate(() => (globalThis as unknown as Partial<WithTfjs>)._tfengine?.backendName)
        // It may end while it is asked.
        .catch(() => undefined);
      if (name === backend) return worker;
    }
    throw new Error(`no worker computes with ${backend}`);
  }

  /** Tensors that an engine holds. */
  async tensors(backend: 'tamp-cpu' | 'webgpu'): Promise<number> {
    const engine = await this.engine(backend);
    return engine.evaluate(() => (globalThis as unknown as WithTfjs)._tfengine.state.numTensors);
  }

  /** Takes the graphics device away. */
  async loseDevice(): Promise<void> {
    const engine = await this.engine('webgpu');
    await engine.evaluate(() =>
      (globalThis as unknown as WithTfjs)._tfengine.backendInstance.device.destroy(),
    );
  }

  /** Names of files that the page keeps in the browser's private file system. */
  async keptFiles(): Promise<readonly string[]> {
    return this.page.evaluate(async () => {
      const names: string[] = [];
      const root = await navigator.storage.getDirectory();
      const walk = async (folder: FileSystemDirectoryHandle): Promise<void> => {
        for await (const [name, handle] of folder.entries()) {
          if (handle.kind === 'file') names.push(name);
          else await walk(handle as FileSystemDirectoryHandle);
        }
      };
      await walk(root);
      return names;
    });
  }

  /** Keeps a picture of the whole page among the test's artifacts. */
  async picture(name: string): Promise<void> {
    mkdirSync(artifacts, { recursive: true });
    await this.page.screenshot({ path: join(artifacts, `${name}.png`), fullPage: true });
  }

  /** Fails if the page complained on the console, and closes it. */
  async close(): Promise<void> {
    await this.page.close();
    expect(this.#complaints).toEqual([]);
  }
}
