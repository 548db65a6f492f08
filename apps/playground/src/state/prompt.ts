import { type Signal, signal } from '@preact/signals';

/** What the models are asked to continue. */
export const prompt: Signal<string> = signal('The function returns a list of');
