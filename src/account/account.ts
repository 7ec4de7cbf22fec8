/**
 * One account as this process holds it: the state its journal gives, and the octets of its messages.
 *
 * Reading: `refresh` makes the state at least as new as the call; `load` brings a mailbox's messages into memory. Rows are
 * valid until the next await. Changing: append.ts, flag-change.ts, expunge.ts, copy.ts, mailbox-names.ts.
 */
import { ByteCache } from "../base/byte-cache.ts";
import { canonicalMailboxName } from "../imap/mailbox-name.ts";
import { HintFollower, hintSubject } from "../journal/hint-follower.ts";
import { Journal, type Decide } from "../journal/journal.ts";
import { SNAPSHOT_ENTRIES } from "../journal/limits.ts";
import { writeSnapshot } from "../journal/snapshot.ts";
import type { StoreFailure } from "../port/object-store.ts";
import { Columns } from "./columns.ts";
import type { BodyPlace } from "./columns.ts";
import type { AccountDraft } from "./draft.ts";
import { decodeExpunged } from "./expunged.ts";
import { type AccountFailure, done, failureOf, type Outcome } from "./failure.ts";
import type { Chunk, Mailbox } from "./mailbox.ts";
import type { Op } from "./op.ts";
import { maintainAccount } from "./maintenance.ts";
import type { AccountState } from "./state.ts";
import { loadSummaries, summaryOf } from "./summary.ts";

/** A message that the store holds is never larger than this, whatever the settings say. */
export const MESSAGE_BYTES_MAX = 256 * 1024 * 1024;
const MAINTAIN_EVERY_MS = 60 * 60 * 1000;
/** A client ends IDLE to fetch what it was told of, and begins it again: the subscription to hints stays up so long in between. */
const HINTS_LINGER_MS = 60_000;
const CHUNK_BYTES_MAX = 1024 * 1024 * 1024;

/** Message octets that were read lately, shared by all accounts of the process. */
export type BodyCache = ByteCache<Buffer>;
export function newBodyCache(budgetBytes: number): BodyCache {
  return new ByteCache<Buffer>(budgetBytes);
}

export type AccountJournal = Journal<AccountState, Op, AccountDraft>;

export class Account {
  readonly id: string;
  readonly journal: AccountJournal;
  /** Octets the account may hold; Infinity for no limit. Set anew whenever the directory says so. */
  quotaBytes: number;
  /** How long expunged messages can be brought back; 0: not at all. */
  readonly keepExpungedMs: number;
  readonly #bodies: BodyCache;
  #snapshotting = false;
  #maintainedAt = -Infinity;
  #watchers = 0;
  /** Ends the subscription to hints; null while there is none. */
  #unsubscribe: (() => void) | null = null;
  #cancelLinger: () => void = () => {};

  constructor(id: string, journal: AccountJournal, options: { readonly quotaBytes: number; readonly bodies: BodyCache; readonly keepExpungedMs?: number }) {
    this.id = id;
    this.journal = journal;
    this.quotaBytes = options.quotaBytes;
    this.#bodies = options.bodies;
    this.keepExpungedMs = options.keepExpungedMs ?? 0;
    const { hints } = journal.world;
    if (hints !== undefined) journal.onWritten((seq) => hints.publish(hintSubject(journal.prefix), seq));
  }

  get state(): AccountState {
    return this.journal.state;
  }
  get memoryBytes(): number {
    let bytes = 4096 + this.state.expunged.memoryBytes;
    for (const mailbox of this.state.mailboxes.values()) bytes += 512 + mailbox.memoryBytes;
    return bytes;
  }
  async refresh(options: { readonly youngerThanMs?: number } = {}): Promise<Outcome<null>> {
    const answer = await this.journal.refresh(options);
    return answer.kind === "failed" ? failureOf(answer.failure) : done(null);
  }
  /**
   * Called after every change, whoever made it: with the operations of one entry, or none when the state was read anew. While
   * anybody listens, hints of other processes have the account look at once at what they wrote.
   */
  onChange(listener: (ops: readonly Op[], seq: number) => void): () => void {
    const unlisten = this.journal.onApplied(listener);
    this.#watchers += 1;
    if (this.#watchers === 1) this.#followHints();
    let stopped = false;
    return () => {
      if (stopped) return;
      stopped = true;
      unlisten();
      this.#watchers -= 1;
      if (this.#watchers === 0) this.#lingerOnHints();
    };
  }
  #followHints(): void {
    this.#cancelLinger();
    const { hints } = this.journal.world;
    if (hints === undefined || this.#unsubscribe !== null) return;
    const follower = new HintFollower(this.journal);
    this.#unsubscribe = hints.subscribe(hintSubject(this.journal.prefix), (seq) => {
      if (this.#watchers > 0) follower.hint(seq);
    });
  }
  #lingerOnHints(): void {
    if (this.#unsubscribe === null) return;
    this.#cancelLinger = this.journal.world.clock.timer(HINTS_LINGER_MS, () => {
      this.#unsubscribe?.();
      this.#unsubscribe = null;
    });
  }
  /** INBOX is found whatever its case (RFC 9051 section 5.1). */
  mailboxNamed(name: string): Mailbox | null {
    return this.state.byName.get(canonicalMailboxName(name)) ?? null;
  }

  /** Commits, and writes a snapshot when one is due. */
  async commit<R>(decide: Decide<AccountState, AccountDraft, Outcome<R>>, bodyBytes = 0): Promise<Outcome<R>> {
    const answer = await this.journal.commit<Outcome<R>>((state, draft, seq) => (state.closed ? { kind: "nothing", result: { kind: "closed" } } : decide(state, draft, seq)), bodyBytes);
    if (answer.kind === "failed") return failureOf(answer.failure);
    if (this.journal.entriesSinceSnapshot >= SNAPSHOT_ENTRIES) void this.snapshot();
    return answer.result;
  }

  /** The messages of a mailbox. The same mailbox again is answered at once. */
  async load(id: number): Promise<Outcome<{ mailbox: Mailbox; columns: Columns }>> {
    let reloads = 0;
    for (;;) {
      const mailbox = this.state.mailboxes.get(id);
      if (mailbox === undefined) return { kind: "mailbox-missing" };
      if (mailbox.columns !== null) return done({ mailbox, columns: mailbox.columns });
      const chunks = mailbox.chunks;
      const columns = await this.#readChunks(chunks);
      if (columns === null && reloads++ < 2) {
        // Another node has written a snapshot since, and what only the older one referred to is gone.
        const reloaded = await this.journal.reload();
        if (reloaded.kind === "failed") return failureOf(reloaded.failure);
        continue;
      }
      if (columns === null) return { kind: "corrupt", detail: `mailbox ${id}: a part of the snapshot can't be read` };
      if (!(columns instanceof Columns)) return failureOf(columns);
      // Meanwhile the state may have been read anew, or somebody else may have loaded the mailbox.
      if (this.state.mailboxes.get(id) !== mailbox || mailbox.columns !== null || mailbox.chunks !== chunks) continue;
      for (const { op, seq } of mailbox.overlay) mailbox.applyToColumns(columns, op, seq, op.kind === "copy" ? (this.state.mailboxes.get(op.from) ?? null) : null);
      mailbox.overlay = [];
      mailbox.columns = columns;
      return done({ mailbox, columns });
    }
  }

  /** Makes what was expunged lately be in memory. The same again is answered at once. */
  async loadExpunged(): Promise<Outcome<null>> {
    for (let tries = 0; ; tries++) {
      const { expunged } = this.state;
      const { part } = expunged;
      if (expunged.batches !== null || part === null) return done(null);
      const bytes = await this.journal.object(part, CHUNK_BYTES_MAX);
      if (bytes !== null && !Buffer.isBuffer(bytes)) return failureOf(bytes);
      // Meanwhile the state may have been read anew, or somebody else may have loaded the list.
      if (this.state.expunged !== expunged || expunged.part !== part || expunged.batches !== null) continue;
      const batches = bytes === null ? null : decodeExpunged(bytes);
      if (batches !== null) {
        expunged.load(batches);
        return done(null);
      }
      if (tries >= 2) return { kind: "corrupt", detail: `${this.id}: what was expunged can't be read` };
      const reloaded = await this.journal.reload();
      if (reloaded.kind === "failed") return failureOf(reloaded.failure);
    }
  }

  /** Null when a chunk is absent or broken. */
  async #readChunks(chunks: readonly Chunk[]): Promise<Columns | null | StoreFailure> {
    const columns = new Columns();
    for (const chunk of chunks) {
      const bytes = await this.journal.object(chunk.name, CHUNK_BYTES_MAX);
      if (bytes !== null && !Buffer.isBuffer(bytes)) return bytes;
      if (bytes === null || !columns.appendEncoded(bytes)) return null;
    }
    return columns;
  }

  /** The octets of a message, exactly as they came. `mailbox-missing` when the message, or its mailbox, is gone meanwhile. */
  async contentOf(mailboxId: number, uid: number): Promise<Outcome<Buffer>> {
    for (let tries = 0; ; tries++) {
      const loaded = await this.load(mailboxId);
      if (loaded.kind !== "done") return loaded;
      const { columns } = loaded.value;
      const row = columns.rowOf(uid);
      if (row < 0) return { kind: "mailbox-missing" };
      const content = await this.content(columns.bodyAt(row));
      if (content.kind !== "corrupt" || tries > 0) return content;
      // Another node may have moved the body to a pack and trimmed its entry since this state was read.
      const fresh = await this.refresh();
      if (fresh.kind !== "done") return fresh;
    }
  }
  /** The octets at a place of the newest state. Where that may be an older one, use `contentOf`. */
  async content(place: BodyPlace): Promise<Outcome<Buffer>> {
    const pack = place.seq < 0 ? this.state.packs.get(-place.seq)?.name : null;
    if (pack === undefined) return { kind: "corrupt", detail: `${this.id}: a pack is not known` };
    const key = `${this.id} ${place.object ?? `${place.seq} ${place.offset}`}`;
    const cached = this.#bodies.get(key);
    if (cached !== undefined) return done(cached);
    const bytes = place.object === null ? await this.journal.body(place, MESSAGE_BYTES_MAX, pack) : await this.journal.object(place.object, MESSAGE_BYTES_MAX);
    const outcome = contentOutcome(bytes, key);
    if (outcome.kind === "done") this.#bodies.put(key, outcome.value, outcome.value.length);
    return outcome;
  }

  /** Makes the summaries of these UIDs be in memory; those of messages that are gone are passed over. */
  async loadSummaries(id: number, uids: Iterable<number>): Promise<Outcome<null>> {
    const loaded = await this.load(id);
    if (loaded.kind !== "done") return loaded;
    for (const uid of uids) {
      const columns = this.state.mailboxes.get(id)?.columns;
      if (columns === undefined || columns === null) return { kind: "mailbox-missing" };
      const at = columns.rowOf(uid);
      if (at < 0 || columns.summaryLength[at] !== 0) continue;
      const failure = await this.#loadSummary(id, uid);
      if (failure !== null) return failure;
    }
    return done(null);
  }
  async #loadSummary(id: number, uid: number): Promise<AccountFailure | null> {
    const mailbox = this.state.mailbox(id);
    const chunk = mailbox.summaryChunks.find((candidate) => candidate.firstUid <= uid && uid <= candidate.lastUid);
    if (chunk !== undefined) {
      const bytes = await this.journal.object(chunk.name, CHUNK_BYTES_MAX);
      if (Buffer.isBuffer(bytes) && mailbox.columns !== null) loadSummaries(mailbox.columns, mailbox.summaries, bytes);
    }
    // Not in the chunk (a copy whose source was not in memory), or the chunk can't be read: made anew from the message.
    const at = mailbox.columns?.rowOf(uid) ?? -1;
    if (at < 0 || mailbox.columns!.summaryLength[at] !== 0) return null;
    const content = await this.contentOf(id, uid);
    if (content.kind === "mailbox-missing") return null;
    if (content.kind !== "done") return content;
    const row = mailbox.columns?.rowOf(uid) ?? -1;
    if (row >= 0 && mailbox.columns!.summaryLength[row] === 0) mailbox.summaries.put(mailbox.columns!, row, summaryOf(content.value));
    return null;
  }

  /** Writes the state down so that the next cold open replays little. Never needed for correctness. */
  async snapshot(): Promise<Outcome<null>> {
    if (this.#snapshotting) return done(null);
    this.#snapshotting = true;
    try {
      // Chunks that only an older snapshot refers to may be gone: nothing is kept of them in a new one.
      const reloaded = await this.journal.reload();
      if (reloaded.kind === "failed") return failureOf(reloaded.failure);
      for (const mailbox of [...this.state.mailboxes.values()]) {
        if (mailbox.overlay.length === 0) continue;
        const loaded = await this.load(mailbox.id);
        if (loaded.kind !== "done" && loaded.kind !== "mailbox-missing") return loaded;
      }
      const expunged = this.state.expunged.overlay.length === 0 ? done(null) : await this.loadExpunged();
      if (expunged.kind !== "done") return expunged;
      if (this.state.expunged.overlay.length > 0 || [...this.state.mailboxes.values()].some((mailbox) => mailbox.overlay.length > 0)) return done(null);
      const answer = await writeSnapshot(this.journal);
      if (answer.kind === "failure") {
        this.journal.world.log.warn("snapshot-failed", { account: this.id, because: answer.because });
        return failureOf(answer);
      }
      await this.#maintain();
      return done(null);
    } finally {
      this.#snapshotting = false;
    }
  }

  /** Now and then after a snapshot. What fails is left for the next time. */
  async #maintain(): Promise<void> {
    const { clock, log } = this.journal.world;
    if (clock.monotonic() - this.#maintainedAt < MAINTAIN_EVERY_MS) return;
    this.#maintainedAt = clock.monotonic();
    const maintained = await maintainAccount(this);
    if (maintained.kind !== "done") log.warn("account-maintenance-failed", { account: this.id, because: maintained.kind });
    else log.info("account-maintained", { account: this.id, packed: maintained.value.bodiesPacked, entries: maintained.value.entriesRemoved, objects: maintained.value.objectsRemoved });
  }
}

function contentOutcome(bytes: Buffer | null | StoreFailure, key: string): Outcome<Buffer> {
  if (bytes === null) return { kind: "corrupt", detail: `${key}: the message is absent or was changed` };
  return Buffer.isBuffer(bytes) ? done(bytes) : failureOf(bytes);
}
