/** One compiled variant of the kernels, built from `assembly/` by `scripts/build-kernels.mjs`. */
export interface EmbeddedModule {
  /** The module as raw DEFLATE, in base64. */
  readonly deflated: string;
  /** The one byte that says whether the imported memory is shared. */
  readonly memoryFlag: { readonly offset: number; readonly shared: number; readonly unshared: number };
}
export declare const kernels: EmbeddedModule;
