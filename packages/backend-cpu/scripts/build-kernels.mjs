// Compiles assembly/ with AssemblyScript's own compiler and writes each variant as base64 into a module of its own in
// dist/wasm/kernels, a form that Node, bundlers and browsers all load alike. They are deflated: base64 hides from the
// compression of a web server what they repeat.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deflateRawSync } from 'node:zlib';
import asc from 'assemblyscript/asc';
import { pairMultiplications } from './pair-multiplications.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** The compiled bytes of one variant. */
async function compile({ relaxed, shared }) {
  let binary;
  const { error, stderr } = await asc.main(
    [
      'assembly/index.ts',
      '--outFile',
      'kernels.wasm',
      '-O3',
      '--noAssert',
      '--runtime',
      'stub',
      '--importMemory',
      '--initialMemory',
      '1',
      '--maximumMemory',
      '65536',
      ...(shared ? ['--sharedMemory'] : []),
      '--enable',
      'simd,threads,nontrapping-f2i,bulk-memory',
      ...(relaxed ? ['--enable', 'relaxed-simd'] : []),
      '--disable',
      'mutable-globals',
      '--baseDir',
      root,
    ],
    {
      writeFile(name, contents) {
        if (name.endsWith('.wasm')) binary = contents;
      },
    },
  );
  if (error) throw new Error(`${error.message}\n${stderr.toString()}`);
  return pairMultiplications(binary);
}

/** Where the two forms differ: the flag of the imported memory, and nothing else. */
function memoryFlagOffset(shared, unshared) {
  if (shared.length !== unshared.length)
    throw new Error('The shared and the unshared module differ in length.');
  const offsets = [...shared.keys()].filter((i) => shared[i] !== unshared[i]);
  if (offsets.length !== 1) throw new Error(`The modules differ at ${offsets.length} places instead of one.`);
  return offsets[0];
}

mkdirSync(join(root, 'dist/wasm/kernels'), { recursive: true });
for (const [name, relaxed] of [
  ['baseline', false],
  ['relaxed', true],
]) {
  const shared = await compile({ relaxed, shared: true });
  const unshared = await compile({ relaxed, shared: false });
  const flag = memoryFlagOffset(shared, unshared);
  const deflated = deflateRawSync(shared, { level: 9 });
  const lines = [
    'export const kernels = {',
    `  deflated: '${deflated.toString('base64')}',`,
    `  memoryFlag: { offset: ${flag}, shared: ${shared[flag]}, unshared: ${unshared[flag]} },`,
    '};',
  ];
  writeFileSync(join(root, `dist/wasm/kernels/${name}.js`), `${lines.join('\n')}\n`);
  console.log(`${name}: ${shared.length} bytes, ${deflated.length} deflated`);
}
