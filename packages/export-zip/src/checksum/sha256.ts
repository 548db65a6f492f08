function inPlainMemory(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer;
}

/**
 * SHA-256 in hexadecimal. WebCrypto computes it where there is WebCrypto: Node, and pages in a secure context (https
 * or localhost). Elsewhere a JavaScript implementation is loaded; it is several times slower.
 */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle;
  const digest =
    subtle === undefined
      ? (await import('./javascript-sha256.js')).sha256(bytes)
      : new Uint8Array(await subtle.digest('SHA-256', inPlainMemory(bytes) ? bytes : bytes.slice()));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
