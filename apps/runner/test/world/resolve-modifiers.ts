import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** What became of one `use`. */
export type Resolution = { readonly name: string } | { readonly error: string };

const script = `
const [host, folder, ...uses] = process.argv.slice(1);
const { createNodeHost } = await import(host);
const resolutions = [];
for (const use of uses) {
  try {
    const { name } = await createNodeHost({ folder }).resolveModifier(use);
    resolutions.push({ name });
  } catch (error) {
    resolutions.push({ error: error.name === 'TampError' && error.code === 'usage' ? error.message : error.stack });
  }
}
process.stdout.write(JSON.stringify(resolutions));
`;

/**
 * Resolves modifiers in a process of their own, from the built package: the test runner loads modules by rules of its
 * own and would make second copies of what must exist once.
 */
export async function resolveModifiers(
  folder: string,
  ...uses: readonly string[]
): Promise<readonly Resolution[]> {
  const host = new URL('../../dist/host/node-host.js', import.meta.url).href;
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--input-type=module',
    '--eval',
    script,
    host,
    folder,
    ...uses,
  ]);
  return JSON.parse(stdout);
}
