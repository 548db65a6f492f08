import { TampError } from '@tamp/core';

/** Whole windows of one length, cut from a text one after the other without overlap. */
export interface TextWindows {
  /** All tokens of the windows. */
  readonly ids: Int32Array;
  /** Tokens of one window. */
  readonly length: number;
  readonly count: number;
}

/** How to cut. */
export interface WindowOptions {
  /** Tokens of one window. */
  readonly sequenceLength: number;
  /** Windows wanted from the start; absent: all there are. */
  readonly count?: number | undefined;
  /** Most windows to take when no number is wanted. */
  readonly atMost?: number | undefined;
  /** Name of the text, for errors. */
  readonly file: string;
}

/**
 * Cuts a text's tokens into whole windows; a rest that fills none is left out. Throws a `TampError` (`data`) when the
 * text has no whole window, or fewer than wanted.
 */
export function cutWindows(ids: Int32Array, options: WindowOptions): TextWindows {
  const { sequenceLength, count, atMost, file } = options;
  const available = Math.floor(ids.length / sequenceLength);
  if (available === 0) {
    const what = ids.length === 0 ? 'is empty' : `holds ${ids.length} tokens`;
    throw new TampError(`${what}, and one window takes ${sequenceLength}`, {
      code: 'data',
      at: { file },
      remedy: 'Give a longer text or a smaller sequenceLength.',
    });
  }
  if (count !== undefined && count > available) {
    throw new TampError(
      `holds ${available} windows of ${sequenceLength} tokens, fewer than the ${count} asked for`,
      { code: 'data', at: { file }, remedy: `Ask for at most ${available}, or give a longer text.` },
    );
  }
  const taken = count ?? Math.min(available, atMost ?? available);
  return { ids: ids.subarray(0, taken * sequenceLength), length: sequenceLength, count: taken };
}

/** Tokens of `count` windows from window `first` on. */
export function windowTokens(windows: TextWindows, first: number, count: number): Int32Array {
  return windows.ids.subarray(first * windows.length, (first + count) * windows.length);
}
