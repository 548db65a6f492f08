import { durationText } from './texts.js';

/** Too early to tell before this much is done and this much time has passed. */
const leastFraction = 0.02;
const leastSeconds = 1;

/** How long the rest will take, from how long the first part took: `about 12 s left`; undefined when too early. */
export function remainingText(done: number, total: number, seconds: number): string | undefined {
  const fraction = total === 0 ? 1 : done / total;
  if (fraction < leastFraction || fraction >= 1 || seconds < leastSeconds) return undefined;
  return `about ${durationText((seconds * (1 - fraction)) / fraction)} left`;
}
