import type { AttributeValue, Graph } from '@tamp/core';
import type { NumberWidth } from '../compression/compress.js';
import type { Encoding } from '../layout/encoding.js';

/** An entry of parameter data. */
export interface ManifestEntry {
  readonly name: string;
  /** Size of its contents. */
  readonly bytes: number;
  /** SHA-256 of its contents, as a ZIP reader gives them, in hexadecimal. */
  readonly sha256: string;
  /** Contents are split into this many byte planes; absent when they are not. */
  readonly planes?: Exclude<NumberWidth, 1>;
}

/** A parameter and how it is stored. */
export interface ManifestParameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly encoding: Encoding;
}

/** A file that travels along; its entry is `assets/` and its path. */
export interface ManifestAsset {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** A part after the first. */
export interface ManifestPart {
  /** Size of the file. */
  readonly bytes: number;
  /** SHA-256 of its central directory. */
  readonly sha256: string;
}

/** What `manifest.json` holds besides format name and version. */
export interface Manifest {
  readonly architecture: string;
  readonly config: Readonly<Record<string, AttributeValue>>;
  readonly graph: Graph;
  readonly entries: readonly ManifestEntry[];
  readonly parameters: readonly ManifestParameter[];
  readonly assets: readonly ManifestAsset[];
  /** Parts after the first, in order. */
  readonly parts: readonly ManifestPart[];
}
