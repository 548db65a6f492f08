import type { JSX } from 'preact';
import type { Problem } from '../engine/failure.js';

function placeText({ at }: Problem): string {
  const parts = [
    at.line === undefined ? at.file : `line ${at.line}, column ${at.column ?? 1}`,
    at.modifier,
    at.layer,
  ];
  return parts.filter((part) => part !== undefined).join(', ');
}

/** What is wrong, where, and what to do about it. */
export function ProblemList({
  problems,
  onPick,
}: {
  readonly problems: readonly Problem[];
  /** Makes the places of those that have a line into buttons. */
  readonly onPick?: (problem: Problem) => void;
}): JSX.Element {
  return (
    <ul class="problems">
      {problems.map((one, index) => {
        const place = placeText(one);
        return (
          // Problems have no names of their own, and the list is replaced as a whole.
          <li key={index}>
            {place !== '' &&
              (onPick !== undefined && one.at.line !== undefined ? (
                <button type="button" class="link" onClick={() => onPick(one)}>
                  {place}
                </button>
              ) : (
                <span class="place">{place}</span>
              ))}
            <span>{/[.!?]$/.test(one.problem) ? one.problem : `${one.problem}.`}</span>
            {one.remedy !== undefined && <span class="remedy">{one.remedy}</span>}
          </li>
        );
      })}
    </ul>
  );
}
