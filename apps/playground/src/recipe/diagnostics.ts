import type { Diagnostic } from '@codemirror/lint';
import type { Text } from '@codemirror/state';
import type { Problem } from '../engine/failure.js';

/** A problem in one text: what, and what to do. */
function problemText({ problem, remedy, at }: Problem): string {
  const where = [at.modifier, at.layer].filter((part) => part !== undefined).join(', ');
  const sentence = /[.!?]$/.test(problem) ? problem : `${problem}.`;
  return `${where === '' ? '' : `${where}: `}${sentence}${remedy === undefined ? '' : ` ${remedy}`}`;
}

/** Where a problem is in the text; the first line when it is not known. */
export function problemRange(
  document: Text,
  { at }: Problem,
): { readonly from: number; readonly to: number } {
  const line = document.line(Math.min(Math.max(at.line ?? 1, 1), document.lines));
  const from = Math.min(line.from + Math.max(0, (at.column ?? 1) - 1), line.to);
  return { from, to: line.to };
}

/** Problems as the editor underlines them. */
export function diagnosticsOf(document: Text, problems: readonly Problem[]): Diagnostic[] {
  return problems.map((problem) => ({
    ...problemRange(document, problem),
    severity: 'error',
    message: problemText(problem),
  }));
}
