/** Data keys, each wrapped by the master key and kept as one object. Deleting the object erases all that the key sealed. */
import type { ObjectStore, StoreFailure } from "../port/object-store.ts";
import type { Random } from "../port/random.ts";
import { Cipher, KEY_BYTES } from "./cipher.ts";

export type KeyAnswer = { readonly kind: "cipher"; readonly cipher: Cipher } | { readonly kind: "absent" } | StoreFailure;

export class Keyring {
  readonly #store: ObjectStore;
  readonly #random: Random;
  readonly #master: Cipher;

  /** `master` has KEY_BYTES octets and never lies in the store. */
  constructor(store: ObjectStore, master: Uint8Array, random: Random) {
    this.#store = store;
    this.#random = random;
    this.#master = new Cipher(master, random);
  }
  /** The cipher of a journal; absent when the journal has no key, or has none any more. */
  async open(prefix: string): Promise<KeyAnswer> {
    const key = keyOf(prefix);
    const answer = await this.#store.get(key);
    if (answer.kind === "failure") return answer;
    if (answer.kind !== "found") return { kind: "absent" };
    const plain = this.#master.open(answer.bytes, key);
    if (plain === null || plain.length !== KEY_BYTES) return { kind: "failure", retryable: false, outcome: "none", because: "corrupt", detail: `${key}: the master key does not open it` };
    return { kind: "cipher", cipher: new Cipher(plain, this.#random) };
  }
  /** The cipher of a journal, with a new key where there is none. Of several that try at once, all get the same. */
  async openOrCreate(prefix: string): Promise<KeyAnswer> {
    const existing = await this.open(prefix);
    if (existing.kind !== "absent") return existing;
    const wrapped = this.#master.seal(this.#random.bytes(KEY_BYTES), keyOf(prefix));
    const put = await this.#store.put(keyOf(prefix), wrapped, { ifAbsent: true });
    if (put.kind === "failure" && put.outcome === "none") return put;
    return this.open(prefix);
  }
  async destroy(prefix: string): Promise<StoreFailure | null> {
    const answer = await this.#store.delete(keyOf(prefix));
    return answer.kind === "failure" ? answer : null;
  }
}

function keyOf(prefix: string): string {
  return `${prefix}key`;
}
