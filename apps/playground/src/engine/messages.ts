import type { EngineCalls } from './calls.js';
import type { Failure } from './failure.js';

/** From a page to its engine. */
export type ToEngine =
  | { readonly kind: 'call'; readonly id: number; readonly name: keyof EngineCalls; readonly input: unknown }
  | { readonly kind: 'abort'; readonly id: number };

/** From an engine to its page. */
export type FromEngine =
  | { readonly kind: 'event'; readonly id: number; readonly event: unknown }
  | { readonly kind: 'done'; readonly id: number; readonly output: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly failure: Failure }
  /** The graphics device is gone: nothing that was asked will be answered. */
  | { readonly kind: 'device-lost'; readonly reason: string };
