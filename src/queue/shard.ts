/**
 * One shard of the queue: a journal (`q/<shard>/`) and what is done with it. Every process that enqueues, delivers or
 * looks has one; the journal keeps them in order.
 */
import { EMPTY } from "../base/bytes.ts";
import type { Cipher } from "../journal/cipher.ts";
import { readHead } from "../journal/head.ts";
import { HintFollower, hintSubject } from "../journal/hint-follower.ts";
import { Journal, type CommitAnswer, type Decide, type JournalWorld } from "../journal/journal.ts";
import { INLINE_BODY_BYTES_MAX, SNAPSHOT_ENTRIES, VALID_FOR_MS } from "../journal/limits.ts";
import { collect, writeSnapshot } from "../journal/snapshot.ts";
import type { StoreFailure } from "../port/object-store.ts";
import { queueMachine, type QueueDraft } from "./machine.ts";
import type { ContentPlace, QueuedMessage } from "./queued-message.ts";
import { ShardTrimming } from "./shard-trimming.ts";
import type { QueueOperation, QueueState } from "./state.ts";

export type QueueJournal = Journal<QueueState, QueueOperation, QueueDraft>;

/** Milliseconds between two searches for what can be removed: they look at every message. */
const SWEEP_EVERY_MS = 10 * 60_000;

export function shardPrefix(number: number): string {
  return `q/${number}/`;
}

export class QueueShard {
  readonly number: number;
  readonly journal: QueueJournal;
  /** The snapshot whose chunk names the state carries. */
  #namesOf: string | null;
  readonly #trimming: ShardTrimming;
  #sweptAt = -Infinity;

  private constructor(number: number, journal: QueueJournal) {
    this.number = number;
    this.journal = journal;
    this.#namesOf = journal.head?.root ?? null;
    this.#trimming = new ShardTrimming(journal);
    journal.onApplied((operations) => {
      if (operations.length === 0) this.#namesOf = journal.head?.root ?? null;
    });
  }

  static async open(number: number, world: JournalWorld, cipher: Cipher): Promise<QueueShard | StoreFailure> {
    const answer = await Journal.open(shardPrefix(number), world, cipher, queueMachine);
    return answer.kind === "failed" ? answer.failure : new QueueShard(number, answer.journal);
  }

  get state(): QueueState {
    return this.journal.state;
  }
  /** Reads what others wrote. */
  async refresh(): Promise<StoreFailure | null> {
    const answer = await this.journal.refresh();
    return answer.kind === "failed" ? answer.failure : null;
  }
  commit<R>(decide: Decide<QueueState, QueueDraft, R>): Promise<CommitAnswer<R>> {
    return this.journal.commit(decide);
  }
  /**
   * Tells the runners of other processes that there is something for whoever holds the shard, or that nobody holds it any more.
   * Results of attempts and renewed leases are told to nobody: no one waits for them.
   */
  announce(seq: number): void {
    this.journal.world.hints?.publish(hintSubject(this.journal.prefix), seq);
  }
  /** Reads at once what others announce; the answer ends it. */
  followHints(): () => void {
    const follower = new HintFollower(this.journal);
    return this.journal.world.hints?.subscribe(hintSubject(this.journal.prefix), (seq) => follower.hint(seq)) ?? (() => {});
  }

  /** Puts a message in the queue; it is durable when this resolves. One with the id of a message that is there changes nothing. */
  async enqueue(message: Omit<QueuedMessage, "content" | "contentBytes">, content: Buffer): Promise<StoreFailure | null> {
    // Text seldom packs to less than a quarter: what is larger than that is not packed only to find out.
    const packed = content.length > 4 * INLINE_BODY_BYTES_MAX ? null : this.journal.packBody(content);
    const complete = (place: ContentPlace): QueuedMessage => ({ ...message, content: place, contentBytes: content.length });
    if (packed === null || packed.length > INLINE_BODY_BYTES_MAX) {
      const startedAt = this.journal.moment();
      const name = this.journal.newObjectName("b");
      const failure = await this.journal.putObject(name, content);
      if (failure !== null) return failure;
      // An object that no entry names for so long may be taken for garbage.
      const slept = (): boolean => this.journal.ageMs(startedAt) > VALID_FOR_MS;
      const queued = await this.#enqueueAt(message.id, () => (slept() ? null : complete({ kind: "object", name })), EMPTY);
      return queued ?? (slept() ? this.journal.putObject(name, content) : null);
    }
    return this.#enqueueAt(message.id, (draft, seq) => complete({ kind: "inline", seq, ...draft.addBody(packed) }), packed);
  }

  /** `message` answers null when it is too late for this one. */
  async #enqueueAt(id: string, message: (draft: QueueDraft, seq: number) => QueuedMessage | null, packed: Buffer): Promise<StoreFailure | null> {
    const answer = await this.journal.commit<StoreFailure | null>((state, draft, seq) => {
      if (state.messages.has(id)) return { kind: "nothing", result: null };
      const complete = message(draft, seq);
      if (complete === null) return { kind: "nothing", result: { kind: "failure", retryable: true, outcome: "none", because: "timeout", detail: "the content was written too long ago" } };
      draft.ops.push({ kind: "enqueue", message: complete });
      return { kind: "write", result: null };
    }, packed.length);
    if (answer.kind === "failed") return answer.failure;
    if (answer.result !== null) return answer.result;
    this.announce(answer.seq);
    return null;
  }

  /** The content of a message; null when it is gone or was changed in the store. */
  content(message: QueuedMessage): Promise<Buffer | null | StoreFailure> {
    // What was packed is known to be this long; more than that is not ours.
    const bytesMax = message.contentBytes + 1;
    return message.content.kind === "inline" ? this.journal.body(message.content, bytesMax) : this.journal.object(message.content.name, bytesMax);
  }

  /** Writes a snapshot when one is due, and now and then removes what nothing needs any more. Done by who holds the lease. */
  async maintain(): Promise<StoreFailure | null> {
    const failure = (await this.refresh()) ?? (this.journal.entriesSinceSnapshot < SNAPSHOT_ENTRIES ? null : await this.#snapshot());
    if (failure !== null) return failure;
    const now = this.journal.world.clock.monotonic();
    if (now - this.#sweptAt < SWEEP_EVERY_MS) return null;
    this.#sweptAt = now;
    return this.#sweep();
  }

  async #snapshot(): Promise<StoreFailure | null> {
    const head = await readHead(this.journal.world.store, this.journal.prefix);
    if (head.kind === "failure") return head;
    // Chunks that only an older snapshot refers to may have been collected: what this state knows of them is forgotten.
    if ((head.head?.root ?? null) !== this.#namesOf) for (const chunk of this.state.chunks.values()) chunk.name = null;
    const written = await writeSnapshot(this.journal, head.head?.id ?? null);
    if (written.kind === "failure") return written;
    this.#namesOf = written.kind === "written" ? (this.journal.head?.root ?? null) : null;
    return null;
  }

  async #sweep(): Promise<StoreFailure | null> {
    const takenAt = this.journal.validatedAt.wall;
    const seqs = new Set<number>();
    const names = new Set<string>();
    for (const { content } of this.state.messages.values()) {
      if (content.kind === "inline") seqs.add(content.seq);
      else names.add(content.name);
    }
    const failure = await this.#trimming.trim((seq) => seqs.has(seq));
    if (failure !== null) return failure;
    const collected = await collect(this.journal, (name) => names.has(name), takenAt);
    return "kind" in collected ? collected : null;
  }
}
