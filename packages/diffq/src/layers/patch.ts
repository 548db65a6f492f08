/** Changes to methods of objects that can all be taken back. */
export interface Patches {
  /** Puts `wrap(original)` in place of a method, for this object alone. An object without it is left as it is. */
  wrap(target: object, method: string, wrap: (original: Method) => Method): void;
  /** Takes everything back. */
  undo(): void;
}

/** A method with its object bound. */
export type Method = (...inputs: unknown[]) => unknown;

/** An empty set of patches. */
export function createPatches(): Patches {
  const undone: (() => void)[] = [];
  return {
    wrap(target, method, wrap) {
      const original: unknown = Reflect.get(target, method);
      if (typeof original !== 'function') return;
      const own = Object.getOwnPropertyDescriptor(target, method);
      const wrapped = wrap((...inputs) => Reflect.apply(original, target, inputs));
      Object.defineProperty(target, method, { configurable: true, writable: true, value: wrapped });
      undone.push(() => {
        if (own === undefined) Reflect.deleteProperty(target, method);
        else Object.defineProperty(target, method, own);
      });
    },
    undo() {
      for (const step of undone.reverse()) step();
      undone.length = 0;
    },
  };
}
