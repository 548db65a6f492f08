import type { BackendInfo } from '../engine/backend-info.js';

const simdNames: Readonly<Record<string, string>> = {
  relaxed: 'relaxed SIMD',
  baseline: 'SIMD',
};

/** What an engine computes with, in a sentence. */
export function backendText(info: BackendInfo): string {
  if (info.kind === 'webgpu') {
    return `WebGPU on ${info.adapter}${info.software ? ', a software adapter: its speed says nothing about a GPU' : ''}`;
  }
  const threads = info.threads === 1 ? 'one thread' : `${info.threads} threads`;
  const why =
    info.isolated || info.threads > 1
      ? ''
      : '; more need a server that sends COOP and COEP headers (see the README)';
  return `WebAssembly, ${threads}, ${simdNames[info.simd] ?? info.simd}${why}`;
}
