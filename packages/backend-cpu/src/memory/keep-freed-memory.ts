/** Bytes of the block: glibc's thresholds follow freed blocks of up to 32 MiB. */
const BLOCK_BYTES = 31 * 1024 * 1024;

/**
 * Lets Node on Linux reuse the memory of results that nobody holds any more. There glibc gives free memory back to the
 * system beyond a threshold, at first 128 KiB, and twice the largest block it was ever asked to free: then each array
 * that tensors are read into costs a page fault per 4 KiB, several times what copying costs (0.3 ms for 0.5 MB). So a
 * block that is never written, which occupies no memory, is allocated and freed.
 */
export function keepFreedMemory(): void {
  if (globalThis.process?.platform !== 'linux') return;
  const block: ArrayBuffer & { readonly transfer?: (length: number) => ArrayBuffer } = new ArrayBuffer(
    BLOCK_BYTES,
  );
  // Frees it at once; Node 20, without it, when garbage is collected.
  block.transfer?.(0);
}
