import { type Checkpoint, TampError } from '@tamp/core';

/** Throws a `TampError` (`usage`) when a checkpoint is of a run with other subgraphs. */
export function checkProgress({ next }: Checkpoint, subgraphs: number): void {
  if (Number.isSafeInteger(next) && next >= 0 && next <= subgraphs) return;
  throw new TampError(`the checkpoint stands before part ${next + 1} of a run that has ${subgraphs}`, {
    code: 'usage',
    remedy: 'It is of another run: start without resuming.',
  });
}
