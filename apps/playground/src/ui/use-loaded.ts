import { useEffect, useState } from 'preact/hooks';

/** Where code stands that the page fetches only when it is needed. */
export type Loaded<T> =
  | { readonly kind: 'loading' }
  | { readonly kind: 'loaded'; readonly module: T }
  | { readonly kind: 'failed' };

/** Fetches code for a component when it is first shown. `load` must stay the same function. */
export function useLoaded<T>(load: () => Promise<T>): Loaded<T> {
  const [state, setState] = useState<Loaded<T>>({ kind: 'loading' });
  useEffect(() => {
    let wanted = true;
    load().then(
      (module) => wanted && setState({ kind: 'loaded', module }),
      () => wanted && setState({ kind: 'failed' }),
    );
    return () => {
      wanted = false;
    };
  }, [load]);
  return state;
}
