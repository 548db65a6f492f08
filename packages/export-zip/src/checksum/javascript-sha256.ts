// A module of its own, so that a bundler puts this one function into the chunk that pages without WebCrypto load.
export { sha256 } from '@noble/hashes/sha2.js';
