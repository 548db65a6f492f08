const quote = 0x22;
const backslash = 0x5c;

/** How much a JSON text would make a parser build. */
export interface JsonSize {
  readonly depth: number;
  /** Items and fields, counted by commas and brackets: at least as many as there are. */
  readonly values: number;
}

/** Counts brackets and commas outside strings, without parsing. */
export function jsonSize(text: Uint8Array): JsonSize {
  let depth = 0;
  let deepest = 0;
  let values = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case quote:
        for (at++; at < text.length && text[at] !== quote; at++) if (text[at] === backslash) at++;
        break;
      case 0x5b: // [
      case 0x7b: // {
        values++;
        deepest = Math.max(deepest, ++depth);
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
        break;
      case 0x2c: // ,
        values++;
        break;
    }
  }
  return { depth: deepest, values };
}
