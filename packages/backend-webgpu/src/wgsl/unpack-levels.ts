import { unroll } from './unroll.js';

/** What generated code must know of a weight of 2 to 8 bits. */
export interface PackedForm {
  readonly bits: number;
  readonly zeroPoints: boolean;
  /** Whether eight levels in a row from a multiple of 8 share one scale. */
  readonly alignedGroups: boolean;
}

/** Names the code that {@link levelAt} and {@link octetAt} generate. */
export function packedFormKey({ bits, zeroPoints, alignedGroups }: PackedForm): string {
  return `${bits} ${zeroPoints} ${alignedGroups}`;
}

/** Whether groups of this size allow {@link PackedForm.alignedGroups}. */
export function groupsAreAligned(groupSize: number, columns: number): boolean {
  return groupSize === columns || groupSize % 8 === 0;
}

/**
 * WGSL: `valueAt(row, column)`, one dequantized level of `levels` int32 [rows, words]; uses `scales`, `zeroPoints` and
 * the uniforms columns, words, groups, groupSize.
 */
export function valueAt({ bits, zeroPoints }: PackedForm): string {
  return `
fn valueAt(row : i32, column : i32) -> f32 {
  let bit = u32(column) * ${bits}u;
  let word = row * uniforms.words + i32(bit >> 5u);
  let shift = bit & 31u;
  var level = u32(levels[word]) >> shift;
  ${32 % bits === 0 ? '' : `if (shift > ${32 - bits}u) { level |= u32(levels[word + 1]) << (32u - shift); }`}
  let group = row * uniforms.groups + column / uniforms.groupSize;
  let signed = i32(level & ${2 ** bits - 1}u) - ${2 ** (bits - 1)}${zeroPoints ? ' - zeroPoints[group]' : ''};
  return f32(signed) * scales[group];
}`;
}

/** Level i of an octet whose bits are in `low` and `high`, still without its offset. */
function octetLevel(bits: number, i: number): string {
  const bit = i * bits;
  const shift = bit % 32;
  const mask = `${2 ** bits - 1}u`;
  if (bit >= 32) return `((high >> ${shift}u) & ${mask})`;
  if (shift + bits <= 32) return `((low >> ${shift}u) & ${mask})`;
  return `(((low >> ${shift}u) | (high << ${32 - shift}u)) & ${mask})`;
}

/** Loads the bits of octet `octet` of the row that starts at word `start` into `low` and `high`. */
function loadOctet(bits: number): string {
  if (bits === 4) return 'let low = u32(levels[start + octet]);';
  if (bits === 8)
    return 'let low = u32(levels[start + 2 * octet]);\n  let high = u32(levels[start + 2 * octet + 1]);';
  if (bits === 2) return 'let low = u32(levels[start + (octet >> 1u)]) >> (16u * (u32(octet) & 1u));';
  // An octet starts at a whole byte.
  const needsHigh = bits > 4;
  return `let byte = u32(octet) * ${bits}u;
  let word = start + i32(byte >> 2u);
  let shift = 8u * (byte & 3u);
  let w0 = u32(levels[word]);
  let w1 = u32(levels[word + 1]);
  let low = select((w0 >> shift) | (w1 << ((32u - shift) & 31u)), w0, shift == 0u);
  ${
    needsHigh
      ? `let w2 = u32(levels[word + 2]);
  let high = select((w1 >> shift) | (w2 << ((32u - shift) & 31u)), w1, shift == 0u);`
      : ''
  }`;
}

/**
 * WGSL: `octetAt(row, octet)`, the eight dequantized levels of a row from column 8 · octet; those beyond the row's end
 * are finite and otherwise arbitrary. Uses what {@link valueAt} uses.
 */
export function octetAt(form: PackedForm): string {
  const { bits, zeroPoints, alignedGroups } = form;
  const half = 2 ** (bits - 1);
  const level = (i: number): string => `i32(${octetLevel(bits, i)})`;
  const vector = (first: number): string =>
    `vec4<i32>(${unroll(4, (i) => level(first + i), ', ')}) - vec4<i32>(${half})`;
  const apart = (first: number): string =>
    `vec4<f32>(${unroll(4, (i) => `scaled(${level(first + i)} - ${half}, row, column + ${first + i})`, ', ')})`;
  return `
struct Octet { a : vec4<f32>, b : vec4<f32> }
${
  alignedGroups
    ? ''
    : `fn scaled(level : i32, row : i32, column : i32) -> f32 {
  let group = row * uniforms.groups + min(column / uniforms.groupSize, uniforms.groups - 1);
  return f32(level${zeroPoints ? ' - zeroPoints[group]' : ''}) * scales[group];
}`
}
fn octetAt(row : i32, octet : i32) -> Octet {
  let start = row * uniforms.words;
  ${loadOctet(bits)}
  let column = 8 * octet;
  ${
    alignedGroups
      ? `let group = row * uniforms.groups + min(column / uniforms.groupSize, uniforms.groups - 1);
  let zero = ${zeroPoints ? 'vec4<i32>(zeroPoints[group])' : 'vec4<i32>(0)'};
  let scale = scales[group];
  return Octet(vec4<f32>(${vector(0)} - zero) * scale, vec4<f32>(${vector(4)} - zero) * scale);`
      : `return Octet(${apart(0)}, ${apart(4)});`
  }
}`;
}

/**
 * WGSL: `octetBytesAt(row, octet)`, the eight levels of a row from column 8 · octet as signed bytes, four in `a` and
 * four in `b`, what is to be taken off each (`zero`), and their scale. With 4 bits `a` has the even ones, otherwise the
 * first. Groups must be aligned.
 */
export function octetBytesAt({ bits, zeroPoints }: PackedForm): string {
  const assembled = (first: number): string =>
    unroll(4, (i) => `(${octetLevel(bits, first + i)} << ${8 * i}u)`, ' | ');
  const [a, b] =
    bits === 4
      ? ['low & 0x0f0f0f0fu', '(low >> 4u) & 0x0f0f0f0fu']
      : bits === 8
        ? ['low ^ 0x80808080u', 'high ^ 0x80808080u']
        : [assembled(0), assembled(4)];
  // Eight bits are shifted into the range of signed bytes here, fewer fit it as they are.
  const offset = bits === 8 ? 0 : 2 ** (bits - 1);
  return `
struct OctetBytes { a : u32, b : u32, zero : i32, scale : f32 }
fn octetBytesAt(row : i32, octet : i32) -> OctetBytes {
  let start = row * uniforms.words;
  ${loadOctet(bits)}
  let group = row * uniforms.groups + min((8 * octet) / uniforms.groupSize, uniforms.groups - 1);
  return OctetBytes(${a}, ${b}, ${offset}${zeroPoints ? ' + zeroPoints[group]' : ''}, scales[group]);
}`;
}
