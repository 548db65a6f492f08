/** How a call is worked on: what may be told, and whether it is still wanted. */
export interface CallContext<Event> {
  readonly signal: AbortSignal;
  emit(event: Event): void;
}
