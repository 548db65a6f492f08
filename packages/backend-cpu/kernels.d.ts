/** One compiled variant of the kernels, built from `assembly/` by `scripts/build-kernels.mjs`. */
export interface EmbeddedModule {
  /** Where it lies in the inflated modules. */
  readonly start: number;
  readonly end: number;
  /** The one byte that says whether the imported memory is shared. */
  readonly memoryFlag: { readonly offset: number; readonly shared: number; readonly unshared: number };
}
export declare const baseline: EmbeddedModule;
export declare const relaxed: EmbeddedModule;
/** All modules one after the other, as raw DEFLATE, in base64. */
export declare const deflatedModules: string;
