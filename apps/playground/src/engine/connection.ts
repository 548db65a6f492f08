import type { EngineCalls } from './calls.js';
import type { Failure } from './failure.js';
import type { FromEngine, ToEngine } from './messages.js';

/** What a call that fails rejects with. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** Options of {@link EngineConnection.call}. */
export interface CallOptions<K extends keyof EngineCalls> {
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: EngineCalls[K]['event']) => void;
}

interface PendingCall {
  resolve(output: unknown): void;
  reject(error: EngineError): void;
  onEvent(event: unknown): void;
}

/** An engine in a worker of its own. */
export class EngineConnection {
  readonly #worker: Worker;
  readonly #pending = new Map<number, PendingCall>();
  readonly #onEnd: (failure: Failure) => void;
  #next = 0;
  #ended: Failure | undefined;

  /** `onEnd` is told when the engine ends by itself, for one reason or another. */
  constructor(onEnd: (failure: Failure) => void) {
    this.#onEnd = onEnd;
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'tamp' });
    this.#worker.onmessage = ({ data }: MessageEvent<FromEngine>) => this.#receive(data);
    this.#worker.onerror = (event) => {
      this.#end({
        kind: 'failed',
        message: event.message,
        problems: [
          {
            problem: `the engine does not run: ${event.message ?? 'it cannot be loaded'}`,
            at: {},
            remedy: 'Reload the page.',
          },
        ],
      });
    };
  }

  /** Calls the engine. Rejects with an {@link EngineError}, of the kind `aborted` after the signal was. */
  call<K extends keyof EngineCalls>(
    name: K,
    input: EngineCalls[K]['input'],
    { signal, onEvent }: CallOptions<K> = {},
  ): Promise<EngineCalls[K]['output']> {
    if (this.#ended !== undefined) return Promise.reject(new EngineError(this.#ended));
    const id = this.#next++;
    const abort = (): void => this.#send({ kind: 'abort', id });
    const answer = new Promise<EngineCalls[K]['output']>((resolve, reject) => {
      this.#pending.set(id, {
        // The engine answers each call with its own output.
        resolve: (output) => resolve(output as EngineCalls[K]['output']),
        reject,
        onEvent: (event) => onEvent?.(event as EngineCalls[K]['event']),
      });
    });
    this.#send({ kind: 'call', id, name, input });
    if (signal?.aborted === true) abort();
    signal?.addEventListener('abort', abort, { once: true });
    return answer.finally(() => signal?.removeEventListener('abort', abort));
  }

  /** Ends the engine and everything that it holds. */
  terminate(): void {
    this.#end({ kind: 'aborted', message: 'The engine was ended.', problems: [] }, false);
  }

  #send(message: ToEngine): void {
    if (this.#ended === undefined) this.#worker.postMessage(message);
  }

  #receive(message: FromEngine): void {
    if (message.kind === 'device-lost') {
      const problem = message.reason;
      const remedy = 'Go on with the CPU, or start WebGPU again.';
      this.#end({ kind: 'device-lost', message: problem, problems: [{ problem, at: {}, remedy }] });
      return;
    }
    const call = this.#pending.get(message.id);
    if (message.kind === 'event') {
      call?.onEvent(message.event);
      return;
    }
    this.#pending.delete(message.id);
    if (message.kind === 'done') call?.resolve(message.output);
    else call?.reject(new EngineError(message.failure));
  }

  #end(failure: Failure, told = true): void {
    if (this.#ended !== undefined) return;
    this.#ended = failure;
    this.#worker.terminate();
    for (const call of this.#pending.values()) call.reject(new EngineError(failure));
    this.#pending.clear();
    if (told) this.#onEnd(failure);
  }
}
