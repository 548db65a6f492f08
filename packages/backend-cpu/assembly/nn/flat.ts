/**
 * Elements of one unit of work over a flat array. Units are whole vectors; the last one may run past the array,
 * but never past its block of the heap, which is a multiple of 64 bytes.
 */
export const FLAT_BLOCK: i32 = 4096;
