/** One compiled variant of the kernels, built from `assembly/` by `scripts/build-kernels.mjs`. */
export interface EmbeddedModule {
  /** Start and end of its pieces among the inflated modules, in order. */
  readonly pieces: readonly (readonly [number, number])[];
  /** The one byte that says whether the imported memory is shared. */
  readonly memoryFlag: { readonly offset: number; readonly shared: number; readonly unshared: number };
}
export declare const baseline: EmbeddedModule;
export declare const relaxed: EmbeddedModule;
/** The modules' pieces in turn, as raw DEFLATE, in base64. */
export declare const deflatedModules: string;
