import type { JSX } from 'preact';
import { ProblemList } from './problem-list.js';

/** A part of the page whose code did not come. */
export function NotLoaded({ what }: { readonly what: string }): JSX.Element {
  return (
    <ProblemList
      problems={[
        {
          problem: `${what} cannot be fetched`,
          at: {},
          remedy: 'Reload the page when it is reachable again.',
        },
      ]}
    />
  );
}
