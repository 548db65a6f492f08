import { baseline, deflatedModules, type EmbeddedModule, relaxed } from '#kernels';
import { instantiateKernels } from './kernel-exports.js';

/**
 * Which SIMD instructions the kernels use. `relaxed-wide`: relaxed SIMD on a processor whose dot product takes all
 * eight bits of unsigned bytes in one instruction (AVX-VNNI).
 */
export type SimdVariant = 'baseline' | 'relaxed' | 'relaxed-wide';

function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}

async function inflateModules(): Promise<ArrayBuffer> {
  const inflated = new Blob([decodeBase64(deflatedModules)])
    .stream()
    .pipeThrough(new DecompressionStream('deflate-raw'));
  return new Response(inflated).arrayBuffer();
}

let inflating: Promise<ArrayBuffer> | undefined;

async function moduleBytes(
  { pieces, memoryFlag }: EmbeddedModule,
  shared: boolean,
): Promise<Uint8Array<ArrayBuffer>> {
  inflating ??= inflateModules();
  const modules = await inflating;
  const bytes = new Uint8Array(pieces.reduce((total, [start, end]) => total + end - start, 0));
  let at = 0;
  for (const [start, end] of pieces) {
    bytes.set(new Uint8Array(modules, start, end - start), at);
    at += end - start;
  }
  bytes[memoryFlag.offset] = shared ? memoryFlag.shared : memoryFlag.unshared;
  return bytes;
}

/** Enough rounds for the engine's optimizing compiler to take over, so that its code is checked too. */
const PROBE_ROUNDS = 2000;

/**
 * The variants that this engine runs correctly, the fastest last. A relaxed one counts when its module validates and a
 * run with known answers has no wrong lane. (Node 20 behind its flag accepts relaxed instructions and miscompiles one.)
 */
export async function supportedSimdVariants(): Promise<readonly SimdVariant[]> {
  const bytes = await moduleBytes(relaxed, false);
  if (!WebAssembly.validate(bytes)) return ['baseline'];
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const kernels = await instantiateKernels(await WebAssembly.compile(bytes), memory);
  const room = (kernels.heapBase() + 15) & ~15;
  const exact = (mismatches: (room: number, rounds: number) => number): boolean =>
    [0, 1, 2, 3].every(() => mismatches(room, PROBE_ROUNDS) === 0);
  if (!exact(kernels.relaxedMismatches)) return ['baseline'];
  return exact(kernels.wideDotMismatches) ? ['baseline', 'relaxed', 'relaxed-wide'] : ['baseline', 'relaxed'];
}

/** Compiles the kernels for a shared or an unshared memory. */
export async function compileKernels(variant: SimdVariant, shared: boolean): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await moduleBytes(variant === 'baseline' ? baseline : relaxed, shared));
}
