/** One compiled variant of the kernels, built from `assembly/` by `scripts/build-kernels.mjs`. */
export interface EmbeddedModule {
  readonly base64: string;
  /** The one byte that says whether the imported memory is shared. */
  readonly memoryFlag: { readonly offset: number; readonly shared: number; readonly unshared: number };
}
export declare const baseline: EmbeddedModule;
export declare const relaxed: EmbeddedModule;
