import { exercises } from './exercises.js';
import { type CpuRun, runOnCpu } from './how-it-runs.js';
import { type Answer, answerFromFile, answerFromFolder, answerFromUrl } from './opening.js';
import type { WorkerTask } from './worker.js';

/** What a test in Node calls in the page. */
export interface TestPage {
  /** Uses a package on the page's main thread or in a module worker. */
  exercise(where: 'page' | 'worker', name: string, models: string): Promise<unknown>;
  cpu(where: 'page' | 'worker', models: string): Promise<CpuRun>;
  fromUrl(url: string, maxWholeBytes?: number): Promise<Answer>;
  /** The archive in `<input id="file">`, or the model folder in `<input id="folder">`. */
  fromInput(id: 'file' | 'folder'): Promise<Answer>;
}

/** Lets a fresh worker do a task. */
function inWorker(task: WorkerTask): Promise<unknown> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data: { error, result } }) => {
      worker.terminate();
      if (error === undefined) resolve(result);
      else reject(new Error(error));
    };
    worker.onerror = ({ message }) => reject(new Error(`the worker does not start: ${message}`));
    worker.postMessage(task);
  });
}

const testPage: TestPage = {
  exercise: (where, name, models) =>
    where === 'page' ? exercises[name](models) : inWorker({ name, models }),
  cpu: (where, models) =>
    where === 'page' ? runOnCpu(models) : (inWorker({ name: 'cpu', models }) as Promise<CpuRun>),
  fromUrl: (url, maxWholeBytes) =>
    answerFromUrl(url, maxWholeBytes === undefined ? {} : { maxWholeBytes, attempts: 1 }),
  fromInput(id) {
    const { files } = document.getElementById(id) as HTMLInputElement;
    if (files === null || files.length === 0) throw new Error(`nothing was chosen in ${id}`);
    return id === 'folder' ? answerFromFolder(files) : answerFromFile(files[0]);
  },
};

Object.assign(globalThis, { testPage });
