/** What {@link StopTexts.push} found. */
export interface StopResult {
  /** Text that belongs to the answer. */
  readonly text: string;
  /** Whether a stop text follows it. */
  readonly stopped: boolean;
}

/** Watches a stream of text for texts that end it. */
export interface StopTexts {
  /** Text that is no part of a stop text, given the text that arrived. */
  push(text: string): StopResult;
  /** What was held back because it might have become a stop text. */
  flush(): string;
}

/** Length of the longest end of `text` with which one of the stop texts may begin. */
function heldBack(text: string, stops: readonly string[]): number {
  let longest = 0;
  for (const stop of stops) {
    for (let length = Math.min(text.length, stop.length - 1); length > longest; length--) {
      if (text.endsWith(stop.slice(0, length))) {
        longest = length;
        break;
      }
    }
  }
  return longest;
}

/** Watches for these texts; the first that is complete ends the stream, and is not part of it. */
export function watchForStops(stops: readonly string[]): StopTexts {
  let held = '';
  return {
    push(text) {
      held += text;
      const found = stops.map((stop) => held.indexOf(stop)).filter((at) => at >= 0);
      const stopped = found.length > 0;
      const end = stopped ? Math.min(...found) : held.length - heldBack(held, stops);
      const given = held.slice(0, end);
      held = stopped ? '' : held.slice(end);
      return { text: given, stopped };
    },
    flush() {
      const rest = held;
      held = '';
      return rest;
    },
  };
}
