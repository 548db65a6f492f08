import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/** Every module that a module of this package reaches, and what they import from elsewhere. */
function reach(module: string, seen = new Map<string, string[]>()): Map<string, string[]> {
  if (seen.has(module)) return seen;
  const text = readFileSync(module, 'utf8');
  const specifiers = [...text.matchAll(/\bfrom '([^']+)'|\bimport\(?'([^']+)'/g)].map(
    (m) => m[1] ?? m[2] ?? '',
  );
  seen.set(
    module,
    specifiers.filter((specifier) => !specifier.startsWith('.')),
  );
  for (const specifier of specifiers) {
    if (specifier.startsWith('.')) reach(join(dirname(module), specifier.replace(/\.js$/, '.ts')), seen);
  }
  return seen;
}

function entry(name: string): string {
  const path = fileURLToPath(new URL(`../src/${name}`, import.meta.url));
  if (!existsSync(path)) throw new Error(`${path} is missing`);
  return path;
}

describe('the browser entry', () => {
  it('imports @tamp/core alone', () => {
    const modules = reach(entry('index.ts'));
    expect(modules.size).toBeGreaterThan(5);
    expect(new Set([...modules.values()].flat())).toEqual(new Set(['@tamp/core']));
  });

  it('would be told from one that needs Node', () => {
    expect([...reach(entry('node.ts')).values()].flat()).toContain('node:path');
  });
});
