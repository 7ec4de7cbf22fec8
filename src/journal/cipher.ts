/**
 * Encryption at rest. Every journal has a data key of its own (AES-256-GCM), wrapped by the master key;
 * deleting the wrapped key erases what it sealed. A sealed section is nonce (12) | ciphertext | tag (16).
 */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from "node:crypto";
import { ascii, EMPTY } from "../base/bytes.ts";
import type { Random } from "../port/random.ts";

export const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
export const SEAL_OVERHEAD_BYTES = NONCE_BYTES + TAG_BYTES;

export class Cipher {
  readonly #key: KeyObject;
  readonly #random: Random;
  /** Nonces are taken from the random port in bulk: one call serves many seals. */
  #nonces: Buffer = EMPTY;

  constructor(key: Uint8Array, random: Random) {
    this.#key = createSecretKey(key);
    this.#random = random;
  }
  /** `context` is authenticated, not stored: the same must be given to open. */
  seal(plain: Uint8Array, context: string): Buffer {
    return this.sealParts([plain], context);
  }
  /** Seals the octets of all parts as one. */
  sealParts(parts: readonly Uint8Array[], context: string): Buffer {
    if (this.#nonces.length < NONCE_BYTES) this.#nonces = this.#random.bytes(NONCE_BYTES * 64);
    const nonce = this.#nonces.subarray(0, NONCE_BYTES);
    this.#nonces = this.#nonces.subarray(NONCE_BYTES);
    const cipher = createCipheriv("aes-256-gcm", this.#key, nonce);
    cipher.setAAD(ascii(context));
    const sealed = parts.map((part) => cipher.update(part));
    cipher.final();
    return Buffer.concat([nonce, ...sealed, cipher.getAuthTag()]);
  }
  /** Null when the octets are not what was sealed with this key and context. */
  open(sealed: Buffer, context: string): Buffer | null {
    if (sealed.length < SEAL_OVERHEAD_BYTES) return null;
    const decipher = createDecipheriv("aes-256-gcm", this.#key, sealed.subarray(0, NONCE_BYTES));
    decipher.setAAD(ascii(context));
    decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
    const plain = decipher.update(sealed.subarray(NONCE_BYTES, sealed.length - TAG_BYTES));
    try {
      decipher.final();
    } catch {
      return null;
    }
    return plain;
  }
}
