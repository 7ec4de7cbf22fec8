/** Octets of a journal that are not operations: bodies inside entries and packs, large bodies, parts of snapshots. All are sealed with its key. */
import type { Clock } from "../port/clock.ts";
import type { Hints } from "../port/hints.ts";
import type { Log } from "../port/log.ts";
import type { ObjectStore, StoreFailure } from "../port/object-store.ts";
import type { Random } from "../port/random.ts";
import type { Cipher } from "./cipher.ts";
import { entryKey, objectKey } from "./keys.ts";
import type { InlineBody } from "./machine.ts";
import { pack, unpack } from "./packing.ts";

export interface JournalWorld {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** How other processes learn at once of what this one wrote; without it they look by their timers. */
  readonly hints?: Hints;
}

export class SealedObjects {
  readonly prefix: string;
  readonly world: JournalWorld;
  readonly cipher: Cipher;

  constructor(prefix: string, world: JournalWorld, cipher: Cipher) {
    this.prefix = prefix;
    this.world = world;
    this.cipher = cipher;
  }

  /** The octets of a body that lies inside an entry, or inside a pack of that name. Null when it is absent or was changed. */
  async body(place: InlineBody, bytesMax: number, pack: string | null = null): Promise<Buffer | null | StoreFailure> {
    const sealed = await this.sealedBody(place, pack);
    return Buffer.isBuffer(sealed) ? unpack(this.cipher, sealed, `${this.prefix}body`, bytesMax) : sealed;
  }
  /** A body as it lies in the store: it can be put elsewhere in the same journal as it is. */
  async sealedBody(place: InlineBody, pack: string | null): Promise<Buffer | null | StoreFailure> {
    const key = pack === null ? entryKey(this.prefix, place.seq) : objectKey(this.prefix, pack);
    const answer = await this.world.store.get(key, { range: { start: place.offset, end: place.offset + place.length } });
    if (answer.kind === "failure") return answer;
    return answer.kind === "found" ? answer.bytes : null;
  }
  /** Sealed bodies, one after the other, as an object. */
  async putPack(name: string, sealed: Buffer): Promise<StoreFailure | null> {
    return this.#putNamed(name, sealed);
  }
  packBody(plain: Buffer): Buffer {
    return pack(this.cipher, plain, `${this.prefix}body`);
  }
  /** An object of this journal, unpacked: a large body or a part of a snapshot. */
  async object(name: string, bytesMax: number): Promise<Buffer | null | StoreFailure> {
    const answer = await this.world.store.get(objectKey(this.prefix, name));
    if (answer.kind === "failure") return answer;
    return answer.kind === "found" ? unpack(this.cipher, answer.bytes, `${this.prefix}${name}`, bytesMax) : null;
  }
  /** A name no other object has, with its time in front: garbage is judged by age. */
  newObjectName(kind: "c" | "b" | "p"): string {
    return `${kind}/${this.world.clock.now().toString(36).padStart(9, "0")}-${this.world.random.bytes(10).toString("hex")}`;
  }
  async putObject(name: string, plain: Buffer): Promise<StoreFailure | null> {
    return this.#putNamed(name, pack(this.cipher, plain, `${this.prefix}${name}`));
  }
  /** The name is new and the octets are fixed, so writing them again after an unknown outcome is harmless. */
  async #putNamed(name: string, bytes: Buffer): Promise<StoreFailure | null> {
    const answer = await this.world.store.put(objectKey(this.prefix, name), bytes, {});
    if (answer.kind !== "failure" || answer.outcome === "none") return answer.kind === "failure" ? answer : null;
    const again = await this.world.store.put(objectKey(this.prefix, name), bytes, {});
    return again.kind === "failure" ? again : null;
  }
}
