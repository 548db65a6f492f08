/** Made by `vite/shipped-recipes.ts` when the page is built. */
declare module 'virtual:shipped-recipes' {
  /** The repository's recipes for tiny-llama, shortened for a page. */
  export const shippedRecipes: readonly {
    readonly name: string;
    readonly label: string;
    readonly text: string;
  }[];
}
