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
import { EMPTY } from "../base/bytes.ts";
import type { StoreFailure } from "../port/object-store.ts";
import type { Cipher } from "./cipher.ts";
import { decodeEntry, encodeEntry, entryIdOf, HEADER_BYTES } from "./entry.ts";
import { BACKOFF_MS_MAX, BACKOFF_MS_MIN, ENTRY_BODY_BYTES_MAX, ENTRY_DECISIONS_MAX, CONTENDED_ROUNDS, OVERTAKEN_PAUSE_MS_MAX, ROUND_OVERTAKEN_MAX, ROUND_TRIES_MAX, VALID_FOR_MS } from "./limits.ts";
import { Draft, type Machine } from "./machine.ts";
import { type Head, readHead } from "./head.ts";
import { type JournalWorld, SealedObjects } from "./sealed-objects.ts";
import { entryKey } from "./keys.ts";

export type { JournalWorld } from "./sealed-objects.ts";

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
const PART_BYTES_MAX = 1024 * 1024 * 1024;

/** A moment by both clocks. A suspended machine's monotonic clock stands still, and a wall clock can be set back: the longer time counts. */
export interface Moment {
  readonly monotonic: number;
  readonly wall: number;
}
const NEVER: Moment = { monotonic: -Infinity, wall: -Infinity };
/** How often a state is brought up to date again because it took too long, or because another snapshot took the place of the one that was read. */
const CATCH_UP_TRIES_MAX = 4;

interface CatchUpOptions {
  /** Whether the snapshot is to be read though the state is not behind it. */
  readonly anew: boolean;
  /** Told of each entry that was read. */
  readonly read?: (seq: number, id: Buffer) => void;
  /** Told of the last entry that was not read, since a snapshot includes it. */
  readonly passed?: (seq: number) => void;
}
interface Waiting<State, D> {
  readonly decide: Decide<State, D, unknown>;
  readonly bodyBytes: number;
  readonly done: (answer: CommitAnswer<unknown>) => void;
  readonly crashed: (error: unknown) => void;
}
/** An entry whose writing was begun: what it holds, and who waits for it. */
interface Attempt<State, D> {
  readonly seq: number;
  readonly id: Buffer;
  readonly draft: D;
  readonly decided: readonly { readonly waiting: Waiting<State, D>; readonly result: unknown }[];
  readonly later: readonly Waiting<State, D>[];
}
/** `overtaken`: others wrote meanwhile, so the store is well. */
type RoundAnswer = { readonly kind: "done" } | { readonly kind: "again"; readonly overtaken?: true } | { readonly kind: "failed"; readonly failure: StoreFailure };

export class Journal<State, Op, D extends Draft<Op>> extends SealedObjects {
  readonly machine: Machine<State, Op, D>;
  #state: State;
  #seq = 0;
  /** The snapshot this state was last known to be above. */
  #head: Head | null = null;
  /** The snapshot whose objects the state refers to. */
  #base: string | null = null;
  /** When the state was last known to be all there is: the moment before the store was asked. */
  #validatedAt = NEVER;
  /** An operation broke off in the middle: the state is not what the entries say. */
  #spoiled = false;
  #waiting: Waiting<State, D>[] = [];
  #draining = false;
  /** Rounds left in which others are expected to write, too. */
  #contended = 0;
  #turn: Promise<void> = Promise.resolve();
  #listeners = new Set<(ops: readonly Op[], seq: number) => void>();
  #writtenListeners = new Set<(seq: number) => void>();

  constructor(prefix: string, world: JournalWorld, cipher: Cipher, machine: Machine<State, Op, D>) {
    super(prefix, world, cipher);
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
  /** Called after every entry that this process wrote, before `onApplied`: it is durable, and others may be told of it. */
  onWritten(listener: (seq: number) => void): () => void {
    this.#writtenListeners.add(listener);
    return () => this.#writtenListeners.delete(listener);
  }
  /** The id of the pointer whose snapshot the state's references come from; null when they come from none. */
  get base(): string | null {
    return this.#base;
  }
  /** `own`: the state refers to the objects of this snapshot now. */
  noteHead(head: Head, options: { readonly own: boolean } = { own: false }): void {
    if (this.#head === null || head.seq >= this.#head.seq) this.#head = head;
    if (options.own) this.#base = head.id;
  }
  /** A moment at which the state was all there was. */
  get validatedAt(): Moment {
    return this.#validatedAt;
  }
  moment(): Moment {
    return { monotonic: this.world.clock.monotonic(), wall: this.world.clock.now() };
  }
  /** Milliseconds since then, the longer ones where the clocks disagree. */
  ageMs(since: Moment): number {
    return Math.max(this.world.clock.monotonic() - since.monotonic, this.world.clock.now() - since.wall);
  }

  /** Reads what others wrote. `youngerThanMs` lets a state that was validated so recently pass without a read. */
  refresh(options: { readonly youngerThanMs?: number } = {}): Promise<RefreshAnswer> {
    if (options.youngerThanMs !== undefined && this.ageMs(this.#validatedAt) <= options.youngerThanMs) return Promise.resolve({ kind: "fresh", changed: false });
    return this.#exclusive(() => this.#catchUp());
  }

  /** `bodyBytes` is the packed size of the bodies that `decide` will add. */
  commit<R>(decide: Decide<State, D, R>, bodyBytes = 0): Promise<CommitAnswer<R>> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ decide, bodyBytes, done: resolve as (answer: CommitAnswer<unknown>) => void, crashed: reject });
      if (!this.#draining) void this.#drain();
    });
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
    const attempts: Attempt<State, D>[] = [];
    try {
      let tries = 0;
      let overtaken = 0;
      for (;;) {
        const answer = await this.#round(batch, attempts);
        if (answer.kind === "done") return;
        if (answer.kind === "again" && answer.overtaken === true && overtaken < ROUND_OVERTAKEN_MAX) {
          overtaken += 1;
          if (overtaken > 1) await this.world.clock.sleep(this.world.random.below(OVERTAKEN_PAUSE_MS_MAX));
          continue;
        }
        if (answer.kind === "again" && tries < ROUND_TRIES_MAX) {
          if (tries++ > 1) await this.#backOff(tries);
          continue;
        }
        const failure: StoreFailure = answer.kind === "failed" ? answer.failure : { kind: "failure", retryable: true, outcome: "none", because: "throttled", detail: "too many writers at once" };
        for (const waiting of batch) waiting.done({ kind: "failed", failure: attempts.length === 0 ? failure : unknown(failure) });
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

  /** Decides, writes and applies once. `attempts` are those of the same batch of which nobody knows whether they were or will be done. */
  async #round(batch: Waiting<State, D>[], attempts: Attempt<State, D>[]): Promise<RoundAnswer> {
    // From a state that was not validated lately nothing is written: its next entry may have been written, and trimmed since.
    // Where others write, too, a read is cheaper than a write in vain.
    if (this.#contended > 0) this.#contended -= 1;
    if (this.#spoiled || this.#contended > 0 || this.ageMs(this.#validatedAt) > VALID_FOR_MS) {
      const fresh = await this.#catchUpAmong(attempts);
      if (fresh.kind !== "fresh") return fresh;
    }
    const validatedAt = this.#validatedAt;
    const draft = this.machine.draft(this.#state);
    const decided: { waiting: Waiting<State, D>; result: unknown }[] = [];
    const later: Waiting<State, D>[] = [];
    for (const waiting of batch) {
      try {
        const decision = waiting.decide(this.#state, draft, this.#seq + 1);
        if (decision.kind === "later") later.push(waiting);
        else decided.push({ waiting, result: decision.result });
      } catch (error) {
        // Its own fault only: the others decide again, for a draft without what it may have left there.
        waiting.crashed(error);
        batch.splice(batch.indexOf(waiting), 1);
        return { kind: "again" };
      }
    }
    assert(decided.length > 0 || batch.length === 0, "a decision for an empty draft can't wait");
    const attempt: Attempt<State, D> = { seq: this.#seq + 1, id: this.world.random.bytes(16), draft, decided, later };
    if (draft.ops.length > 0) return this.#write(attempt, attempts, validatedAt);
    const fresh = await this.#catchUpAmong(attempts);
    if (fresh.kind !== "fresh") return fresh;
    if (fresh.changed) return { kind: "again" };
    this.#answer(attempt);
    return { kind: "done" };
  }
  #answer({ decided, later }: Attempt<State, D>): void {
    this.#waiting.unshift(...later);
    for (const { waiting, result } of decided) waiting.done({ kind: "done", result, seq: this.#seq });
  }

  async #write(attempt: Attempt<State, D>, attempts: Attempt<State, D>[], validatedAt: Moment): Promise<RoundAnswer> {
    const { seq, id, draft } = attempt;
    const writer = new BinaryWriter(1024);
    writer.number(draft.ops.length);
    for (const op of draft.ops) this.machine.encode(writer, op);
    const bytes = encodeEntry(this.cipher, { prefix: this.prefix, seq }, id, draft.bodies, writer.finish());
    const key = entryKey(this.prefix, seq);
    const askedAt = this.moment();
    const answer = await this.world.store.put(key, bytes, { ifAbsent: true });
    if (answer.kind === "failure" && answer.outcome === "none") return answer.retryable && answer.because !== "full" ? { kind: "again" } : { kind: "failed", failure: answer };
    if (answer.kind === "failure") attempts.push(attempt);
    if (answer.kind === "done") return this.#written(attempt, askedAt, validatedAt);
    const there = await this.#entryId(key);
    if (there === "unknown") {
      this.#validatedAt = NEVER;
      return { kind: "failed", failure: answer.kind === "failure" ? answer : { kind: "failure", retryable: true, outcome: attempts.length === 0 ? "none" : "unknown", because: "unavailable", detail: "the entry could not be read back" } };
    }
    if (there === "absent") return { kind: "again" };
    // A request that was given up for lost can be done later than the one that was sent after it.
    const mine = attempts.find((other) => other.seq === seq && other.id.equals(there));
    if (mine !== undefined) return this.#written(mine, askedAt, validatedAt);
    const caught = await this.#catchUpAmong(attempts);
    this.#contended = CONTENDED_ROUNDS;
    return caught.kind === "fresh" ? { kind: "again", overtaken: true } : caught;
  }

  /** Reads what others wrote. Among it may be what an attempt of this batch was thought to have failed to write: then that is the answer. */
  async #catchUpAmong(attempts: readonly Attempt<State, D>[]): Promise<RoundAnswer | Extract<RefreshAnswer, { kind: "fresh" }>> {
    let landed: Attempt<State, D> | null = null;
    let passed = 0;
    const caught = await this.#catchUp({
      anew: false,
      read: (seq, id) => {
        landed = attempts.find((attempt) => attempt.seq === seq && attempt.id.equals(id)) ?? landed;
      },
      passed: (seq) => {
        passed = seq;
      },
    });
    if (landed !== null) {
      this.#answer(landed);
      return { kind: "done" };
    }
    // A snapshot does not tell who wrote what it includes.
    if (attempts.some((attempt) => attempt.seq <= passed)) return { kind: "failed", failure: { kind: "failure", retryable: true, outcome: "unknown", because: "timeout", detail: "a snapshot has passed an entry of which it is not known who wrote it" } };
    return caught;
  }

  /** The entry is in the store. It counts, unless so much time has passed that it may stand where another was trimmed. */
  async #written(attempt: Attempt<State, D>, askedAt: Moment, validatedAt: Moment): Promise<RoundAnswer> {
    if (this.ageMs(validatedAt) > VALID_FOR_MS) {
      const head = await readHead(this.world.store, this.prefix);
      // Where the pointer has passed it, either others read it before they wrote their snapshot, or it was in none of
      // their states. It stays: they may refer to it. If nobody does, the next trimming finds it.
      if (head.kind === "failure" || (head.head !== null && head.head.seq >= attempt.seq)) {
        this.#validatedAt = NEVER;
        return { kind: "failed", failure: { kind: "failure", retryable: true, outcome: "unknown", because: "timeout", detail: "the entry was written too late to know whether it counts" } };
      }
    }
    this.#validatedAt = askedAt;
    this.#advance(attempt.draft.ops, attempt.seq);
    for (const listener of this.#writtenListeners) listener(attempt.seq);
    this.#answer(attempt);
    return { kind: "done" };
  }

  async #entryId(key: string): Promise<Buffer | "absent" | "unknown"> {
    for (let tries = 0; tries < 6; tries++) {
      const answer = await this.world.store.get(key, { range: { start: 0, end: HEADER_BYTES } });
      if (answer.kind === "absent") return "absent";
      if (answer.kind === "found") return entryIdOf(answer.bytes) ?? EMPTY;
      await this.#backOff(tries + 1);
    }
    return "unknown";
  }

  #advance(ops: readonly Op[], seq: number): void {
    try {
      this.machine.apply(this.#state, ops, seq);
    } catch (error) {
      this.#spoiled = true;
      throw error;
    }
    this.#seq = seq;
    for (const listener of this.#listeners) listener(ops, seq);
  }

  /**
   * Reads the state anew from the newest snapshot: after another node's snapshot, what an older one refers to may be gone.
   * The old state is there until the new one has everything the journal has.
   */
  reload(): Promise<RefreshAnswer> {
    return this.#exclusive(() => this.#catchUp({ anew: true }));
  }

  /** Applies every entry that is there, from the newest snapshot where this state is older than what may have been trimmed. */
  async #catchUp(options: CatchUpOptions = { anew: false }): Promise<RefreshAnswer> {
    const before = this.#seq;
    let replaced = false;
    let broken: { readonly id: string; readonly failure: StoreFailure } | null = null;
    for (let tries = 0; tries < CATCH_UP_TRIES_MAX; tries++) {
      let since = this.#validatedAt;
      const anew: boolean = this.#spoiled || (options.anew && !replaced);
      if (anew || this.ageMs(since) > VALID_FOR_MS) {
        since = this.moment();
        const read = await readHead(this.world.store, this.prefix);
        if (read.kind === "failure") return { kind: "failed", failure: read };
        if (this.#spoiled || (read.head !== null && (read.head.seq > this.#seq || (anew && read.head.id !== this.#base)))) {
          // The same pointer leads to what can't be read: it is not that another has taken its place.
          if (broken !== null && broken.id === read.head?.id) return { kind: "failed", failure: broken.failure };
          const loaded = await this.#load(read.head, since, options);
          if (loaded.kind === "failure") return { kind: "failed", failure: loaded };
          if (loaded.kind === "broken") broken = { id: read.head?.id ?? "", failure: corrupt(loaded.detail) };
          if (loaded.kind !== "loaded") continue;
          return { kind: "fresh", changed: true };
        }
        if (read.head !== null) this.noteHead(read.head);
        replaced = true;
      }
      const end = await this.#readOn(this.#seq, (ops, seq, id) => {
        this.#advance(ops, seq);
        options.read?.(seq, id);
      });
      if (end.kind === "failure") return { kind: "failed", failure: end };
      // An entry that is absent now may have been there and be trimmed.
      if (this.ageMs(since) > VALID_FOR_MS) continue;
      this.#validatedAt = end.askedAt;
      return { kind: "fresh", changed: this.#seq !== before };
    }
    return { kind: "failed", failure: broken?.failure ?? { kind: "failure", retryable: true, outcome: "none", because: "timeout", detail: `${this.prefix}: reading took too long` } };
  }

  /** Hands over the entries behind `seq`. `askedAt` is a moment at which there were no more. */
  async #readOn(seq: number, next: (ops: readonly Op[], seq: number, id: Buffer) => void): Promise<{ readonly kind: "end"; readonly askedAt: Moment } | StoreFailure> {
    for (let at = seq + 1; ; at++) {
      const askedAt = this.moment();
      const read = await this.#read(at);
      if (read.kind === "failure") return read;
      if (read.kind === "end") return { kind: "end", askedAt };
      next(read.ops, at, read.id);
    }
  }

  async #read(seq: number): Promise<{ readonly kind: "ops"; readonly ops: readonly Op[]; readonly id: Buffer } | { readonly kind: "end" } | StoreFailure> {
    const key = entryKey(this.prefix, seq);
    const answer = await this.world.store.get(key);
    if (answer.kind === "failure") return answer;
    if (answer.kind !== "found") return { kind: "end" };
    const decoded = decodeEntry(this.cipher, { prefix: this.prefix, seq }, answer.bytes);
    if (decoded.kind === "broken") return corrupt(`${key}: ${decoded.detail}`);
    try {
      return { kind: "ops", ops: this.decodeOperations(decoded.entry.operations), id: decoded.entry.id };
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

  /** Replaces the state by that of a snapshot, or an empty one, with all entries since. */
  async #load(head: Head | null, since: Moment, options: CatchUpOptions): Promise<{ readonly kind: "loaded" | "late" } | { readonly kind: "broken"; readonly detail: string } | StoreFailure> {
    let state = this.machine.empty();
    if (head !== null) {
      const root = await this.object(head.root, ROOT_BYTES_MAX);
      if (root === null) return { kind: "broken", detail: `${this.prefix}${head.root}: the snapshot is absent or was changed` };
      if (!Buffer.isBuffer(root)) return root;
      let failure: StoreFailure | null = null;
      const part = async (name: string): Promise<Buffer | null> => {
        const bytes = await this.object(name, PART_BYTES_MAX);
        if (bytes === null || Buffer.isBuffer(bytes)) return bytes;
        failure = bytes;
        return null;
      };
      try {
        state = await this.machine.restore(root, { object: part });
      } catch (error) {
        // A part that could not be asked for is not broken.
        if (error instanceof BrokenRecord && failure !== null) return failure;
        if (error instanceof BrokenRecord) return { kind: "broken", detail: `${this.prefix}${head.root}: ${error.message}` };
        throw error;
      }
    }
    let seq = head?.seq ?? 0;
    const end = await this.#readOn(seq, (ops, at, id) => {
      this.machine.apply(state, ops, at);
      seq = at;
      options.read?.(at, id);
    });
    if (end.kind === "failure") return end;
    if (this.ageMs(since) > VALID_FOR_MS) return { kind: "late" };
    assert(seq >= this.#seq, "a state that is read anew has all that the old one had");
    this.#state = state;
    this.#seq = seq;
    this.#head = head;
    this.#base = head?.id ?? null;
    this.#spoiled = false;
    this.#validatedAt = end.askedAt;
    for (const listener of this.#listeners) listener([], seq);
    options.passed?.(head?.seq ?? 0);
    return { kind: "loaded" };
  }
}

/** A failure after a request whose outcome nobody knows. */
function unknown(failure: StoreFailure): StoreFailure {
  return { ...failure, outcome: "unknown", because: failure.because === "full" ? "unavailable" : failure.because };
}
function corrupt(detail: string): StoreFailure {
  return { kind: "failure", retryable: false, outcome: "none", because: "corrupt", detail };
}
