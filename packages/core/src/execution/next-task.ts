/**
 * Resolves in a later task of the event loop. Await it between pieces of long synchronous work, so that timers,
 * input events and an abort get their turn; a resolved promise alone would not let them.
 */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
