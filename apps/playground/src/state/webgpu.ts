import { type Signal, signal } from '@preact/signals';
import { type Adapter, describeAdapter } from '../engine/adapter.js';

/** The adapter that WebGPU would take, or why there is none; null until that is known. */
export const webGpuAdapter: Signal<Adapter | null> = signal<Adapter | null>(null);

/** Looks whether the browser has WebGPU, without starting it. */
export async function lookForWebGpu(): Promise<void> {
  webGpuAdapter.value = await describeAdapter();
}
