import { isTampError } from '@tamp/core';
import * as tf from '@tensorflow/tfjs-core';
import type { EngineCalls } from './calls.js';
import { createEngine } from './engine.js';
import { failureOf } from './failure.js';
import type { FromEngine, ToEngine } from './messages.js';

const tell = (message: FromEngine): void => postMessage(message);
/**
 * How long a call on WebGPU that failed waits to learn whether the device is lost, which then says it all. A busy
 * adapter takes seconds to say so; an error that nobody foresaw is most likely that.
 */
const lossDelayMs = (error: unknown): number => (isTampError(error) ? 5000 : 30_000);
let lose = (): void => {};
const lost = new Promise<'lost'>((resolve) => {
  lose = () => resolve('lost');
});
const engine = createEngine((reason) => {
  lose();
  tell({ kind: 'device-lost', reason });
});
const running = new Map<number, AbortController>();

async function answer<K extends keyof EngineCalls>(
  name: K,
  input: EngineCalls[K]['input'],
  id: number,
): Promise<void> {
  const controller = new AbortController();
  running.set(id, controller);
  try {
    const output = await engine[name](input, {
      signal: controller.signal,
      emit: (event) => tell({ kind: 'event', id, event }),
    });
    tell({ kind: 'done', id, output });
  } catch (error) {
    const failure = failureOf(error, controller.signal.aborted);
    if (failure.kind === 'failed' && tf.getBackend() === 'webgpu') {
      const timeout = new Promise((resolve) => setTimeout(resolve, lossDelayMs(error)));
      if ((await Promise.race([lost, timeout])) === 'lost') return;
    }
    tell({ kind: 'failed', id, failure });
  } finally {
    running.delete(id);
  }
}

addEventListener('message', ({ data }: MessageEvent<ToEngine>) => {
  if (data.kind === 'abort') running.get(data.id)?.abort();
  // The page sends each call with its own input: `EngineConnection` is the only sender.
  else void answer(data.name, data.input as EngineCalls[typeof data.name]['input'], data.id);
});
