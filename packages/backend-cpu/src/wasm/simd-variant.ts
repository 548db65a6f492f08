import { baseline, type EmbeddedModule, relaxed } from '#kernels';
import { instantiateKernels } from './kernel-exports.js';

/** Which SIMD instructions the kernels use. */
export type SimdVariant = 'baseline' | 'relaxed';

function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}

function moduleBytes({ base64, memoryFlag }: EmbeddedModule, shared: boolean): Uint8Array<ArrayBuffer> {
  const bytes = decodeBase64(base64);
  bytes[memoryFlag.offset] = shared ? memoryFlag.shared : memoryFlag.unshared;
  return bytes;
}

/** Enough rounds for the engine's optimizing compiler to take over, so that its code is checked too. */
const PROBE_ROUNDS = 2000;

async function relaxedIsExact(bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
  if (!WebAssembly.validate(bytes)) return false;
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const kernels = await instantiateKernels(await WebAssembly.compile(bytes), memory);
  const room = (kernels.heapBase() + 15) & ~15;
  for (let i = 0; i < 4; i++) if (kernels.relaxedMismatches(room, PROBE_ROUNDS) !== 0) return false;
  return true;
}

/**
 * Whether this engine runs the relaxed kernels correctly: they validate, and a run with known answers has no wrong
 * lane. (Node 20 behind its flag accepts relaxed instructions and miscompiles one of them.)
 */
export async function supportsRelaxedSimd(): Promise<boolean> {
  return relaxedIsExact(moduleBytes(relaxed, false));
}

/** Compiles the kernels for a shared or an unshared memory. */
export async function compileKernels(variant: SimdVariant, shared: boolean): Promise<WebAssembly.Module> {
  return WebAssembly.compile(moduleBytes(variant === 'relaxed' ? relaxed : baseline, shared));
}
