/**
 * A journal: the one sequence of entries by which an account or a queue shard changes (docs/decisions/0002).
 *
 * `commit` decides from the state at `seq`, encodes what was decided as one entry and PUTs `seq + 1` if absent. Success
 * makes it durable, visible and ordered at once; a conflict reads what others wrote, applies it and decides again.
 * Decisions that wait at the same time share an entry. Nothing is acknowledged before the PUT was.
 *
 * Failures: `failed` means the store did not take the entry, or could not be asked whether it did (`outcome: "unknown"`).
 */
import { BinaryReader, BinaryWriter, BrokenRecord } from "../base/binary.ts";
import { assert } from "../base/assert.ts";
import type { Clock } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import type { ObjectStore, StoreFailure } from "../port/object-store.ts";
import type { Random } from "../port/random.ts";
import type { Cipher } from "./cipher.ts";
import { decodeEntry, encodeEntry, entryIdOf } from "./entry.ts";
import { BACKOFF_MS_MAX, BACKOFF_MS_MIN, ENTRY_BODY_BYTES_MAX, ENTRY_DECISIONS_MAX, ROUND_TRIES_MAX, VALID_FOR_MS } from "./limits.ts";
import { Draft, type InlineBody, type Machine } from "./machine.ts";
import { pack, unpack } from "./packing.ts";
import { type Head, readHead } from "./head.ts";
import { entryKey, objectKey } from "./keys.ts";

export interface JournalWorld {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export type Decision<R> =
  /** The operations were put into the draft. */
  | { readonly kind: "write"; readonly result: R }
  /** Nothing to write: a refusal, or nothing to change. Answered only from a state that is known to be fresh. */
  | { readonly kind: "nothing"; readonly result: R }
  /** Can't be decided in the same entry as what is in the draft already; decided again in the next. */
  | { readonly kind: "later" };

/** Must not throw once it has put anything into the draft. May be called several times. */
export type Decide<State, D, R> = (state: State, draft: D, seq: number) => Decision<R>;

export type CommitAnswer<R> = { readonly kind: "done"; readonly result: R; /** The state includes everything up to here. */ readonly seq: number } | { readonly kind: "failed"; readonly failure: StoreFailure };
export type RefreshAnswer = { readonly kind: "fresh"; readonly changed: boolean } | { readonly kind: "failed"; readonly failure: StoreFailure };
export type OpenAnswer<J> = { readonly kind: "open"; readonly journal: J } | { readonly kind: "failed"; readonly failure: StoreFailure };

/** The root of a snapshot names mailboxes and chunks, not messages. */
const ROOT_BYTES_MAX = 256 * 1024 * 1024;

interface Waiting<State, D> {
  readonly decide: Decide<State, D, unknown>;
  readonly bodyBytes: number;
  readonly done: (answer: CommitAnswer<unknown>) => void;
  readonly crashed: (error: unknown) => void;
}
type RoundAnswer = { readonly kind: "done" } | { readonly kind: "again" } | { readonly kind: "failed"; readonly failure: StoreFailure };

export class Journal<State, Op, D extends Draft<Op>> {
  readonly prefix: string;
  readonly world: JournalWorld;
  readonly cipher: Cipher;
  readonly machine: Machine<State, Op, D>;
  #state: State;
  #seq = 0;
  /** The snapshot this state was last known to be above. */
  #head: Head | null = null;
  #validatedAt = -Infinity;
  #waiting: Waiting<State, D>[] = [];
  #draining = false;
  #turn: Promise<void> = Promise.resolve();
  #listeners = new Set<(ops: readonly Op[], seq: number) => void>();

  constructor(prefix: string, world: JournalWorld, cipher: Cipher, machine: Machine<State, Op, D>) {
    this.prefix = prefix;
    this.world = world;
    this.cipher = cipher;
    this.machine = machine;
    this.#state = machine.empty();
  }

  static async open<State, Op, D extends Draft<Op>>(prefix: string, world: JournalWorld, cipher: Cipher, machine: Machine<State, Op, D>): Promise<OpenAnswer<Journal<State, Op, D>>> {
    const journal = new Journal(prefix, world, cipher, machine);
    const answer = await journal.refresh();
    return answer.kind === "failed" ? answer : { kind: "open", journal };
  }

  get state(): State {
    return this.#state;
  }
  get seq(): number {
    return this.#seq;
  }
  get head(): Head | null {
    return this.#head;
  }
  get entriesSinceSnapshot(): number {
    return this.#seq - (this.#head?.seq ?? 0);
  }
  /** Called after every entry that was applied, whoever wrote it; with no operations when the state was loaded anew. */
  onApplied(listener: (ops: readonly Op[], seq: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  noteHead(head: Head): void {
    if (this.#head === null || head.seq >= this.#head.seq) this.#head = head;
  }

  /** Reads what others wrote. `youngerThanMs` lets a state that was validated so recently pass without a read. */
  refresh(options: { readonly youngerThanMs?: number } = {}): Promise<RefreshAnswer> {
    const age = this.world.clock.monotonic() - this.#validatedAt;
    if (options.youngerThanMs !== undefined && age <= options.youngerThanMs) return Promise.resolve({ kind: "fresh", changed: false });
    return this.#exclusive(() => this.#catchUp());
  }

  /** `bodyBytes` is the packed size of the bodies that `decide` will add. */
  commit<R>(decide: Decide<State, D, R>, bodyBytes = 0): Promise<CommitAnswer<R>> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ decide, bodyBytes, done: resolve as (answer: CommitAnswer<unknown>) => void, crashed: reject });
      if (!this.#draining) void this.#drain();
    });
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

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.then(() => {}, () => {});
    return result;
  }

  async #drain(): Promise<void> {
    this.#draining = true;
    try {
      // One turn of the microtask queue lets decisions of the same event share the first entry.
      await Promise.resolve();
      while (this.#waiting.length > 0) {
        const batch = this.#takeBatch();
        await this.#exclusive(() => this.#settle(batch));
      }
    } finally {
      this.#draining = false;
    }
  }

  #takeBatch(): Waiting<State, D>[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#waiting.length && count < ENTRY_DECISIONS_MAX) {
      bytes += this.#waiting[count]!.bodyBytes;
      if (count > 0 && bytes > ENTRY_BODY_BYTES_MAX) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  async #settle(batch: Waiting<State, D>[]): Promise<void> {
    try {
      for (let tries = 0; ; tries++) {
        const answer = await this.#round(batch);
        if (answer.kind === "done") return;
        if (answer.kind === "again" && tries < ROUND_TRIES_MAX) {
          if (tries > 1) await this.#backOff(tries);
          continue;
        }
        const failure: StoreFailure = answer.kind === "failed" ? answer.failure : { kind: "failure", retryable: true, outcome: "none", because: "throttled", detail: "too many writers at once" };
        for (const waiting of batch) waiting.done({ kind: "failed", failure });
        return;
      }
    } catch (error) {
      for (const waiting of batch) waiting.crashed(error);
    }
  }

  #backOff(tries: number): Promise<void> {
    const most = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** tries);
    return this.world.clock.sleep(BACKOFF_MS_MIN + this.world.random.below(most));
  }

  /** Decides, writes and applies once. */
  async #round(batch: Waiting<State, D>[]): Promise<RoundAnswer> {
    const validatedAt = this.#validatedAt;
    const draft = this.machine.draft(this.#state);
    const decided: { waiting: Waiting<State, D>; decision: Exclude<Decision<unknown>, { kind: "later" }> }[] = [];
    const later: Waiting<State, D>[] = [];
    for (const waiting of batch) {
      const decision = waiting.decide(this.#state, draft, this.#seq + 1);
      if (decision.kind === "later") later.push(waiting);
      else decided.push({ waiting, decision });
    }
    assert(decided.length > 0 || batch.length === 0, "a decision for an empty draft can't wait");
    if (draft.ops.length === 0) {
      const fresh = await this.#catchUp();
      if (fresh.kind === "failed") return fresh;
      if (fresh.changed) return { kind: "again" };
    } else {
      const written = await this.#write(draft, validatedAt);
      if (written.kind !== "done") return written;
    }
    this.#waiting.unshift(...later);
    for (const { waiting, decision } of decided) waiting.done({ kind: "done", result: decision.result, seq: this.#seq });
    return { kind: "done" };
  }

  async #write(draft: D, validatedAt: number): Promise<RoundAnswer> {
    const seq = this.#seq + 1;
    const id = this.world.random.bytes(16);
    const writer = new BinaryWriter(1024);
    writer.number(draft.ops.length);
    for (const op of draft.ops) this.machine.encode(writer, op);
    const bytes = encodeEntry(this.cipher, { prefix: this.prefix, seq }, id, draft.bodies, writer.finish());
    const key = entryKey(this.prefix, seq);
    const answer = await this.world.store.put(key, bytes, { ifAbsent: true });
    if (answer.kind === "failure" && answer.outcome === "none") return answer.retryable && answer.because !== "full" ? { kind: "again" } : { kind: "failed", failure: answer };
    if (answer.kind !== "done") {
      const mine = await this.#isMine(key, id);
      if (mine === "unknown") {
        this.#validatedAt = -Infinity;
        return { kind: "failed", failure: answer.kind === "failure" ? answer : { kind: "failure", retryable: true, outcome: "unknown", because: "unavailable", detail: "the entry could not be read back" } };
      }
      if (mine === "absent") return { kind: "again" };
      if (mine === "other") {
        const caught = await this.#catchUp();
        return caught.kind === "failed" ? caught : { kind: "again" };
      }
    }
    // A writer whose state was not validated recently may have recreated an entry that was trimmed.
    if (this.world.clock.monotonic() - validatedAt > VALID_FOR_MS) {
      const stale = await this.#undoIfTrimmed(key, seq);
      if (stale !== null) return stale;
    }
    this.#validatedAt = this.world.clock.monotonic();
    this.#advance(draft.ops, seq);
    return { kind: "done" };
  }

  async #undoIfTrimmed(key: string, seq: number): Promise<RoundAnswer | null> {
    const head = await readHead(this.world.store, this.prefix);
    if (head.kind === "failure") return { kind: "failed", failure: { ...head, outcome: "unknown" } };
    if (head.head === null || head.head.seq < seq) return null;
    const undone = await this.world.store.delete(key);
    this.#validatedAt = -Infinity;
    if (undone.kind === "failure") return { kind: "failed", failure: { ...undone, outcome: "unknown" } };
    const caught = await this.#catchUp();
    return caught.kind === "failed" ? caught : { kind: "again" };
  }

  async #isMine(key: string, id: Buffer): Promise<"mine" | "other" | "absent" | "unknown"> {
    for (let tries = 0; tries < 6; tries++) {
      const answer = await this.world.store.get(key, { range: { start: 0, end: 24 } });
      if (answer.kind === "absent") return "absent";
      if (answer.kind === "found") return entryIdOf(answer.bytes)?.equals(id) === true ? "mine" : "other";
      await this.#backOff(tries + 1);
    }
    return "unknown";
  }

  #advance(ops: readonly Op[], seq: number): void {
    this.machine.apply(this.#state, ops, seq);
    this.#seq = seq;
    for (const listener of this.#listeners) listener(ops, seq);
  }

  /** Applies every entry that is there, from the newest snapshot where this state is older than what may have been trimmed. */
  async #catchUp(): Promise<RefreshAnswer> {
    const before = this.#seq;
    if (this.world.clock.monotonic() - this.#validatedAt > VALID_FOR_MS) {
      const head = await readHead(this.world.store, this.prefix);
      if (head.kind === "failure") return { kind: "failed", failure: head };
      if (head.head !== null && head.head.seq > this.#seq) return this.#load(head.head);
      if (head.head !== null) this.noteHead(head.head);
    }
    for (;;) {
      const next = await this.#read(this.#seq + 1);
      if (next.kind === "failure") return { kind: "failed", failure: next };
      if (next.kind === "end") break;
      this.#advance(next.ops, this.#seq + 1);
    }
    this.#validatedAt = this.world.clock.monotonic();
    return { kind: "fresh", changed: this.#seq !== before };
  }

  /**
   * Reads the state anew from the newest snapshot: after another node's snapshot, what an older one refers to may be gone.
   * The old state is there until the new one has everything the journal has.
   */
  reload(): Promise<RefreshAnswer> {
    return this.#exclusive(async () => {
      const head = await readHead(this.world.store, this.prefix);
      if (head.kind === "failure") return { kind: "failed", failure: head };
      return head.head === null || head.head.id === this.#head?.id ? this.#catchUp() : this.#load(head.head);
    });
  }

  async #read(seq: number): Promise<{ readonly kind: "ops"; readonly ops: readonly Op[] } | { readonly kind: "end" } | StoreFailure> {
    const key = entryKey(this.prefix, seq);
    const answer = await this.world.store.get(key);
    if (answer.kind === "failure") return answer;
    if (answer.kind !== "found") return { kind: "end" };
    const decoded = decodeEntry(this.cipher, { prefix: this.prefix, seq }, answer.bytes);
    if (decoded.kind === "broken") return corrupt(`${key}: ${decoded.detail}`);
    try {
      return { kind: "ops", ops: this.decodeOperations(decoded.entry.operations) };
    } catch (error) {
      if (error instanceof BrokenRecord) return corrupt(`${key}: ${error.message}`);
      throw error;
    }
  }

  /** The operations of an entry. May throw BrokenRecord. */
  decodeOperations(operations: Buffer): Op[] {
    const reader = new BinaryReader(operations);
    const count = reader.number();
    const ops: Op[] = [];
    for (let i = 0; i < count; i++) ops.push(this.machine.decode(reader));
    return ops;
  }

  async #load(head: Head): Promise<RefreshAnswer> {
    const root = await this.object(head.root, ROOT_BYTES_MAX);
    if (root === null) return { kind: "failed", failure: corrupt(`${this.prefix}${head.root}: the snapshot is absent or was changed`) };
    if (!Buffer.isBuffer(root)) return { kind: "failed", failure: root };
    let state: State;
    try {
      state = await this.machine.restore(root, { object: (name) => this.#part(name) });
    } catch (error) {
      if (error instanceof BrokenRecord) return { kind: "failed", failure: corrupt(`${this.prefix}${head.root}: ${error.message}`) };
      throw error;
    }
    let seq = head.seq;
    for (;;) {
      const next = await this.#read(seq + 1);
      if (next.kind === "failure") return { kind: "failed", failure: next };
      if (next.kind === "end") break;
      this.machine.apply(state, next.ops, ++seq);
    }
    assert(seq >= this.#seq, "a state that is read anew has all that the old one had");
    this.#state = state;
    this.#seq = seq;
    this.#head = head;
    this.#validatedAt = this.world.clock.monotonic();
    for (const listener of this.#listeners) listener([], seq);
    return { kind: "fresh", changed: true };
  }

  async #part(name: string): Promise<Buffer | null> {
    const bytes = await this.object(name, 1024 * 1024 * 1024);
    return Buffer.isBuffer(bytes) ? bytes : null;
  }
}

function corrupt(detail: string): StoreFailure {
  return { kind: "failure", retryable: false, outcome: "none", because: "corrupt", detail };
}
