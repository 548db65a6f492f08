/** A model as a page holds it: the files of a folder by their names, or an archive in its parts. Nothing is read yet. */
export type ModelFiles =
  | { readonly kind: 'folder'; readonly name: string; readonly files: ReadonlyMap<string, Blob> }
  | { readonly kind: 'archive'; readonly name: string; readonly parts: readonly Blob[] };
