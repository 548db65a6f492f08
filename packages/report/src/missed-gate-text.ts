import type { MissedGate } from '@tamp/recipe';
import { bytesText } from './bytes-text.js';
import { percentText } from './texts.js';

/** What a run that missed a gate came to, and what the gate allows. */
export function missedGateText({ gate, limit, actual, artifact }: MissedGate): string {
  switch (gate) {
    case 'perplexityIncrease':
      return `perplexity changed by ${percentText(actual)}, and the gate perplexityIncrease allows ${percentText(limit)}`;
    case 'accuracyDrop':
      return `accuracy dropped by ${actual.toFixed(4)}, and the gate accuracyDrop allows ${limit}`;
    case 'maxBytes':
      return `${artifact} has ${bytesText(actual)} (${actual} bytes), and the gate maxBytes allows ${bytesText(limit)}`;
  }
}
