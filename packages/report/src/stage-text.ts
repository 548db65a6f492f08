import { bytesText } from './bytes-text.js';
import { remainingText } from './remaining-time.js';
import type { Stage } from './stage.js';
import { countText } from './texts.js';

/** How far a stage is: `120 of 235 windows, about 12 s left`. */
export function stageText(
  stage: Stage,
  done: number,
  total: number,
  seconds: number,
  detail: string | undefined,
): string {
  const amount =
    stage.unit === 'byte'
      ? `${bytesText(done)} of ${bytesText(total)}`
      : `${countText(done)} of ${countText(total)} ${stage.unit}${total === 1 ? '' : 's'}`;
  return [amount, remainingText(done, total, seconds), detail]
    .filter((part) => part !== undefined)
    .join(', ');
}
