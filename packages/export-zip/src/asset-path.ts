import { maxNameLength } from './archive-format.js';

/**
 * Why a path cannot name an asset, or undefined when it can: it must be relative, use `/`, and stay below the folder
 * it is unpacked to on every system.
 */
export function assetPathProblem(path: string): string | undefined {
  if (path === '' || path.length > maxNameLength) return `is not 1 to ${maxNameLength} characters long`;
  if (/\p{Surrogate}/u.test(path)) return 'is not well-formed Unicode';
  if (path.startsWith('/')) return 'is absolute';
  // A colon makes a drive or a stream on Windows.
  if (/[\\:]/.test(path)) return 'holds a backslash or a colon';
  if (/\p{Cc}/u.test(path)) return 'holds a control character';
  const steps = path.split('/');
  if (steps.includes('..') || steps.includes('.')) return 'holds a . or .. step';
  if (steps.includes('')) return 'holds an empty step';
  return undefined;
}
