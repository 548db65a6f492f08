// Compiles assembly/ with AssemblyScript's own compiler and writes the modules as base64 into dist/wasm/kernels.js,
// a form that Node, bundlers and browsers all load without a further file. The modules are deflated as one, by
// pieces in turn: they have most of their code in common, DEFLATE looks back 32 KiB for it, and base64 hides it from the
// compression of a web server.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deflateRawSync } from 'node:zlib';
import asc from 'assemblyscript/asc';

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
  return binary;
}

/** Where the two forms differ: the flag of the imported memory, and nothing else. */
function memoryFlagOffset(shared, unshared) {
  if (shared.length !== unshared.length)
    throw new Error('The shared and the unshared module differ in length.');
  const offsets = [...shared.keys()].filter((i) => shared[i] !== unshared[i]);
  if (offsets.length !== 1) throw new Error(`The modules differ at ${offsets.length} places instead of one.`);
  return offsets[0];
}

/** Pieces of a module: so many that a piece of each, which hold about the same functions, fit into DEFLATE's window. */
const pieceCount = 8;

const lines = [];
const modules = [];
for (const [name, relaxed] of [
  ['baseline', false],
  ['relaxed', true],
]) {
  const shared = await compile({ relaxed, shared: true });
  const unshared = await compile({ relaxed, shared: false });
  const flag = memoryFlagOffset(shared, unshared);
  modules.push({ name, bytes: shared, pieces: [], flag, unshared: unshared[flag] });
  console.log(`${name}: ${shared.length} bytes`);
}
const inTurn = [];
let start = 0;
for (let i = 0; i < pieceCount; i++) {
  for (const { bytes, pieces } of modules) {
    const bound = (count) => Math.round((count * bytes.length) / pieceCount);
    const piece = bytes.subarray(bound(i), bound(i + 1));
    pieces.push([start, start + piece.length]);
    inTurn.push(piece);
    start += piece.length;
  }
}
for (const { name, bytes, pieces, flag, unshared } of modules) {
  lines.push(
    `export const ${name} = {`,
    `  pieces: ${JSON.stringify(pieces)},`,
    `  memoryFlag: { offset: ${flag}, shared: ${bytes[flag]}, unshared: ${unshared} },`,
    '};',
  );
}
const deflated = deflateRawSync(Buffer.concat(inTurn), { level: 9 });
console.log(`deflated together: ${deflated.length} bytes`);
lines.push(`export const deflatedModules = '${deflated.toString('base64')}';`);
mkdirSync(join(root, 'dist/wasm'), { recursive: true });
writeFileSync(join(root, 'dist/wasm/kernels.js'), `${lines.join('\n')}\n`);
