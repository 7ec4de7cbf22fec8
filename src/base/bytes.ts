/** Octets as they came from the wire or the store. Buffer is used for speed; nothing relies on it being one. */

export const EMPTY = Buffer.alloc(0);

/** A Buffer over the same memory, never a copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** US-ASCII text to octets. Octets above 127 are kept as latin1. */
export function ascii(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

export function utf8(text: string): Buffer {
  return Buffer.from(text, "utf8");
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && Buffer.compare(a, b) === 0;
}
