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

/** Each is a chunk of its own in a bundle: no page loads both. */
const modules = {
  baseline: async () => (await import('#kernels/baseline')).kernels,
  relaxed: async () => (await import('#kernels/relaxed')).kernels,
};

async function moduleBytes(name: keyof typeof modules, shared: boolean): Promise<Uint8Array<ArrayBuffer>> {
  const { deflated, memoryFlag } = await modules[name]();
  const inflated = new Blob([decodeBase64(deflated)])
    .stream()
    .pipeThrough(new DecompressionStream('deflate-raw'));
  const bytes = new Uint8Array(await new Response(inflated).arrayBuffer());
  bytes[memoryFlag.offset] = shared ? memoryFlag.shared : memoryFlag.unshared;
  return bytes;
}

/** A module whose one function swizzles bytes the relaxed way: engines without relaxed SIMD need not load our own. */
const relaxedProbe = Uint8Array.of(
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // magic number and version
  ...[1, 4, 1, 0x60, 0, 0], // a type: no parameters, no results
  ...[3, 2, 1, 0], // a function of that type
  ...[10, 16, 1, 14, 0], // its code, without locals
  ...[0x41, 0, 0xfd, 0x0f, 0x41, 0, 0xfd, 0x0f], // i32.const 0, i8x16.splat, twice
  ...[0xfd, 0x80, 0x02, 0x1a, 0x0b], // i8x16.relaxed_swizzle, drop, end
);

/** Enough rounds for the engine's optimizing compiler to take over, so that its code is checked too. */
const PROBE_ROUNDS = 2000;

/**
 * The variants that this engine runs correctly, the fastest last. A relaxed one counts when its module validates and a
 * run with known answers has no wrong lane. (Node 20 behind its flag accepts relaxed instructions and miscompiles one.)
 */
export async function supportedSimdVariants(): Promise<readonly SimdVariant[]> {
  if (!WebAssembly.validate(relaxedProbe)) return ['baseline'];
  const bytes = await moduleBytes('relaxed', false);
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
  return WebAssembly.compile(await moduleBytes(variant === 'baseline' ? 'baseline' : 'relaxed', shared));
}
