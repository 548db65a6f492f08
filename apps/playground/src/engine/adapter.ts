/** The adapter that WebGPU would take, or why there is none. */
export type Adapter = { readonly adapter: string; readonly software: boolean } | { readonly missing: string };

/** Looks for an adapter; works in pages and in workers. */
export async function describeAdapter(): Promise<Adapter> {
  const gpu = 'gpu' in navigator ? navigator.gpu : undefined;
  if (gpu === undefined) {
    return {
      missing: globalThis.isSecureContext
        ? 'this browser has no WebGPU'
        : 'a browser gives WebGPU only to pages from https or from this machine',
    };
  }
  const adapter = await gpu.requestAdapter().catch(() => null);
  if (adapter === null) return { missing: 'the browser finds no graphics adapter that it trusts' };
  const { vendor, architecture, device, description, isFallbackAdapter } = adapter.info;
  const name = [vendor, architecture, device, description].filter((part) => part !== '').join(' ');
  return {
    adapter: name === '' ? 'an adapter without a name' : name,
    software: isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|software|basic render/i.test(name),
  };
}
