import { exercises } from './exercises.js';
import { runOnCpu } from './how-it-runs.js';

/** What the page asks of the worker. */
export interface WorkerTask {
  /** A package, or `cpu`. */
  readonly name: string;
  readonly models: string;
}

addEventListener('message', async ({ data }: MessageEvent<WorkerTask>) => {
  try {
    const { name, models } = data;
    postMessage({ result: await (name === 'cpu' ? runOnCpu(models) : exercises[name](models)) });
  } catch (error) {
    postMessage({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
});
