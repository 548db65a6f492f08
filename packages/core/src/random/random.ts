import { TampError } from '../errors/tamp-error.js';
import { normalOf, normalTable } from './normal-table.js';
import { threefry2x32, threefryBlocks, type Words } from './threefry.js';

/** Where a {@link Random} is in its sequence; plain data. */
export interface RandomState {
  readonly key: Words;
  /** Words drawn so far. */
  readonly position: number;
}

/** Counter's high word of derived keys; positions never reach it. */
const forkDomain = 0xffffffff;

/** 2^-24, computed once: engines do not fold a power of constants. */
const uniformUnit = 2 ** -24;

/** Words drawn at a time for an array. */
const chunkLength = 4096;

/** The float32 in [0, 1) of one random word: its highest 24 bits · 2^-24. */
function uniformOf(word: number): number {
  return (word >>> 8) * uniformUnit;
}

/**
 * A seeded sequence of random numbers, the same on every engine and backend. Word p of the sequence is word p mod 2
 * of `threefry2x32(key, counter = floor(p / 2))`, so a kernel can compute element i of an array directly from
 * the key and the position at which the array was begun. Every number drawn takes one word, except
 * {@link Random.integer}, which may have to reject some.
 *
 * Not for secrets.
 */
export class Random {
  readonly #key: Words;
  #position: number;
  readonly #block = new Uint32Array(2);
  #loaded = -1;

  /** `seed`: a whole number from 0 to 2^53 - 1, or the state of a sequence to go on from. */
  constructor(seed: number | RandomState) {
    if (typeof seed !== 'number') {
      checkState(seed);
      this.#key = [seed.key[0], seed.key[1]];
      this.#position = seed.position;
      return;
    }
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw new TampError(`the seed ${seed} is not a whole number from 0 to 2^53 - 1`, { code: 'usage' });
    }
    this.#key = [seed >>> 0, Math.floor(seed / 2 ** 32)];
    this.#position = 0;
  }

  toJSON(): RandomState {
    return { key: this.#key, position: this.#position };
  }

  /**
   * A sequence of its own for part `index` (a layer, a step): it depends on this one's key and the index, not on
   * how far this one has got. `index` is a whole number from 0 to 2^32 - 1.
   */
  fork(index: number): Random {
    const words = new Uint32Array(2);
    threefry2x32(this.#key, index, forkDomain, words, 0);
    return new Random({ key: [words[0], words[1]], position: 0 });
  }

  /** 32 random bits, 0 to 2^32 - 1. */
  word(): number {
    const block = Math.floor(this.#position / 2);
    if (block !== this.#loaded) {
      threefry2x32(this.#key, block, Math.floor(block / 2 ** 32), this.#block, 0);
      this.#loaded = block;
    }
    const word = this.#block[this.#position % 2];
    this.#position++;
    return word;
  }

  /** A float32 in [0, 1). */
  uniform(): number {
    return uniformOf(this.word());
  }

  /** A float32 in [-1/2, 1/2): the uniform number minus one half, which is exact. */
  centered(): number {
    return this.uniform() - 0.5;
  }

  /** A float64 in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.uniform();
  }

  /** A standard normal float32; see {@link normalTable} for its definition. */
  normal(): number {
    return normalOf(this.word(), normalTable());
  }

  /** A whole number from 0 to count - 1, each as likely; 1 ≤ count ≤ 2^32. */
  integer(count: number): number {
    if (!Number.isInteger(count) || count < 1 || count > 2 ** 32) {
      throw new TampError(`cannot choose among ${count} numbers`, { code: 'usage' });
    }
    // Words of the last, incomplete run of `count` would favour small results.
    const limit = 2 ** 32 - (2 ** 32 % count);
    let word = this.word();
    while (word >= limit) word = this.word();
    return word % count;
  }

  /** Fills an array with uniform numbers of [0, 1) and returns it. */
  fillUniform(values: Float32Array): Float32Array {
    this.#chunks(values.length, (words, at) => {
      for (let i = 0; i < words.length; i++) values[at + i] = uniformOf(words[i]);
    });
    return values;
  }

  /** Fills an array with uniform numbers of [-1/2, 1/2) and returns it. */
  fillCentered(values: Float32Array): Float32Array {
    this.#chunks(values.length, (words, at) => {
      for (let i = 0; i < words.length; i++) values[at + i] = uniformOf(words[i]) - 0.5;
    });
    return values;
  }

  /** Fills an array with standard normal numbers and returns it. */
  fillNormal(values: Float32Array): Float32Array {
    const table = normalTable();
    this.#chunks(values.length, (words, at) => {
      for (let i = 0; i < words.length; i++) values[at + i] = normalOf(words[i], table);
    });
    return values;
  }

  /** The next `length` words in chunks, each with the position of its first word among them. */
  #chunks(length: number, use: (words: Uint32Array, at: number) => void): void {
    const buffer = new Uint32Array(Math.min(length, chunkLength));
    for (let at = 0; at < length; at += chunkLength) {
      const words = buffer.subarray(0, Math.min(chunkLength, length - at));
      this.#fillWords(words);
      use(words, at);
    }
  }

  /** Fills an array with the next words. */
  #fillWords(words: Uint32Array): void {
    let at = 0;
    // Single words until a block begins, whole blocks, and what is left of the last one.
    while (at < words.length && this.#position % 2 !== 0) words[at++] = this.word();
    while (words.length - at >= 2) {
      const block = this.#position / 2;
      const beforeCarry = 2 ** 32 - (block % 2 ** 32);
      const count = Math.min(Math.floor((words.length - at) / 2), beforeCarry);
      threefryBlocks(this.#key, block, Math.floor(block / 2 ** 32), words, at, count);
      this.#position += 2 * count;
      at += 2 * count;
    }
    while (at < words.length) words[at++] = this.word();
  }

  /** Shuffles in place (Fisher and Yates), every order as likely, and returns the same array. */
  shuffle<T extends { readonly length: number; [index: number]: unknown }>(items: T): T {
    for (let last = items.length - 1; last > 0; last--) {
      const other = this.integer(last + 1);
      const item = items[last];
      items[last] = items[other];
      items[other] = item;
    }
    return items;
  }

  /** The numbers 0 to count - 1 in random order. */
  permutation(count: number): Uint32Array {
    return this.shuffle(Uint32Array.from({ length: count }, (_, i) => i));
  }
}

function checkState({ key, position }: RandomState): void {
  const words =
    key.length === 2 && key.every((word) => Number.isInteger(word) && word >= 0 && word < 2 ** 32);
  if (!words || !Number.isSafeInteger(position) || position < 0) {
    throw new TampError('the state of a random sequence is damaged', { code: 'format' });
  }
}
