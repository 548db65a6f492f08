/** So many more poor wakes than good ones, and workers nap; as many good ones more, and they no longer do. */
const PATIENCE = 3;
/** The least part of its fair share that a thread has to do. */
const LEAST_PART = 1 / 4;
/** Naps of a millisecond each. */
const NAPS = 300;

/**
 * Learns whether waking a worker from a long sleep brings help at once on this machine. Most schedulers run the woken
 * thread on an idle processor within 50 µs. Others, of small virtual machines above all, save processors that sleep: they
 * put it beside the thread that woke it, where it waits or takes that thread's place, until the load balancer parts the
 * two 8 to 12 ms later. There a worker had better look for work itself, a millisecond apart for some time: a thread that
 * its own timer wakes stays on its processor.
 */
export class WorkerWakes {
  readonly #threads: number;
  /** Poor wakes less good ones, within 0 and {@link PATIENCE}. */
  #poor = 0;
  #nap = false;

  /** @param threads threads in all, the caller among them */
  constructor(threads: number) {
    this.#threads = threads;
  }

  /**
   * Takes note of a run, long enough to tell, for which workers were woken from a long sleep.
   *
   * @param own chunks that the caller did
   * @param chunks chunks in all
   */
  observe(own: number, chunks: number): void {
    const fair = chunks / this.#threads;
    const poor = own < fair * LEAST_PART || chunks - own < (chunks - fair) * LEAST_PART;
    this.#poor = Math.min(Math.max(this.#poor + (poor ? 1 : -1), 0), PATIENCE);
    if (this.#poor === PATIENCE) this.#nap = true;
    if (this.#poor === 0) this.#nap = false;
  }

  /** How many naps workers should take before their next long sleep. */
  get naps(): number {
    return this.#nap ? NAPS : 0;
  }
}
