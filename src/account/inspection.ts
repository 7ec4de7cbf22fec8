/**
 * Looking at everything an account has in the store: the pointer, the snapshot and its parts, the entries since, every
 * body. What is damaged is said and passed over. Checks report it, repairs mend it. Servers go on meanwhile.
 */
import { type Head, readHead } from "../journal/head.ts";
import { entryKey, headKey, objectKey, seqOfEntryKey } from "../journal/keys.ts";
import { countLeftovers, keysUnder, type Leftovers, PART_BYTES_MAX, readEntry, readState } from "../journal/survey.ts";
import type { StoreFailure } from "../port/object-store.ts";
import { type AccountJournal, MESSAGE_BYTES_MAX } from "./account.ts";
import { type BodyPlace, Columns } from "./columns.ts";
import { decodeExpunged } from "./expunged.ts";
import type { Chunk, Mailbox } from "./mailbox.ts";
import type { Op } from "./op.ts";
import { AccountState } from "./state.ts";
import { loadSummaries } from "./summary.ts";

/** What is wrong: the object, and what that means for people. */
export type Problem = { readonly key: string; readonly what: string } & (
  | { readonly kind: "head" | "root" | "expunged" | "unknown-key" }
  | { readonly kind: "chunk" | "counters"; readonly mailbox: number }
  | { readonly kind: "summary"; readonly mailbox: number; readonly chunk: Chunk }
  /** `lastSeq`: the last one of a gap. `mark`: what a repair that broke off wrote; it holds nothing. */
  | { readonly kind: "entry"; readonly seq: number; readonly lastSeq: number; readonly mark: boolean }
  | { readonly kind: "body"; readonly mailbox: number; readonly uid: number }
  | { readonly kind: "expunged-body"; readonly mailbox: number; readonly uid: number }
);

export interface InspectionOptions {
  /** Bodies are read and their seals opened; otherwise only what says where they are is. */
  readonly bodies: boolean;
  /** Called after every body with its octets in the store: whoever wants to go slowly waits. */
  readonly pace?: (bytes: number) => Promise<void>;
}
export interface Inspection {
  /** As far as it could be read. */
  readonly state: AccountState;
  readonly head: Head | null;
  /** What the pointer was when it was read; null where there was none. */
  readonly headEtag: string | null;
  /** The last entry that is in the state. */
  readonly seq: number;
  /** The last entry there was. */
  readonly lastSeq: number;
  /** Every entry is in the state, and every mailbox was read. */
  readonly complete: boolean;
  readonly messages: number;
  readonly bytes: number;
  /** Null where the state is not complete: then nobody knows. */
  readonly leftovers: Leftovers | null;
  readonly problems: readonly Problem[];
  /** Problems that are not in the list because there are too many. */
  readonly omitted: number;
}

/** An account with more is lost; the list shall not take all memory. */
const PROBLEMS_MAX = 10_000;

/** `journal` need not be open. Answers a failure where the store could not be asked: then nothing is known. */
export async function inspectAccount(journal: AccountJournal, options: InspectionOptions): Promise<Inspection | StoreFailure> {
  const inspector = new Inspector(journal, options);
  const failure = await inspector.run();
  return failure ?? inspector.result();
}

/**
 * The same, looked at twice where something was wrong: what was packed, trimmed or collected between two looks is no fault,
 * so a problem is one only if it is one twice.
 */
export async function confirmedInspection(journal: AccountJournal, options: InspectionOptions): Promise<Inspection | StoreFailure> {
  const first = await inspectAccount(journal, options);
  if ("kind" in first || first.problems.length === 0) return first;
  const second = await inspectAccount(journal, options);
  if ("kind" in second) return second;
  const known = new Set(first.problems.map(identity));
  return { ...second, problems: second.problems.filter((problem) => known.has(identity(problem))) };
}
function identity({ key, what }: Problem): string {
  return `${key} ${what}`;
}

class Inspector {
  readonly #journal: AccountJournal;
  readonly #options: InspectionOptions;
  readonly #problems: Problem[] = [];
  #omitted = 0;
  #state = new AccountState();
  #head: Head | null = null;
  #headEtag: string | null = null;
  #references: readonly string[] = [];
  #seq = 0;
  #lastSeq = 0;
  /** The state has every entry up to `#seq`. */
  #sound = true;
  #messages = 0;
  #bytes = 0;
  #leftovers: Leftovers | null = null;

  constructor(journal: AccountJournal, options: InspectionOptions) {
    this.#journal = journal;
    this.#options = options;
  }

  async run(): Promise<StoreFailure | null> {
    for (const step of [() => this.#readSnapshot(), () => this.#readParts(), () => this.#readEntries(), () => this.#readBodies(), () => this.#count()]) {
      const failure = await step();
      if (failure !== null) return failure;
    }
    return null;
  }
  result(): Inspection {
    return {
      state: this.#state, head: this.#head, headEtag: this.#headEtag, seq: this.#seq, lastSeq: this.#lastSeq, complete: this.#complete,
      messages: this.#messages, bytes: this.#bytes, leftovers: this.#leftovers, problems: this.#problems, omitted: this.#omitted,
    };
  }
  get #complete(): boolean {
    return this.#sound && this.#state.expunged.batches !== null && [...this.#state.mailboxes.values()].every((mailbox) => mailbox.columns !== null);
  }
  #report(problem: Problem): void {
    if (this.#problems.length < PROBLEMS_MAX) this.#problems.push(problem);
    else this.#omitted += 1;
  }

  async #readSnapshot(): Promise<StoreFailure | null> {
    const { world, prefix } = this.#journal;
    const answer = await readHead(world.store, prefix);
    if (answer.kind === "failure") {
      if (answer.because !== "corrupt") return answer;
      this.#report({ kind: "head", key: headKey(prefix), what: "the snapshot pointer can't be read: the account can't be opened" });
      this.#sound = false;
      return null;
    }
    this.#head = answer.head;
    this.#headEtag = answer.etag;
    if (answer.head === null) return null;
    this.#seq = this.#lastSeq = answer.head.seq;
    const read = await readState(this.#journal, answer.head.root);
    if (read.kind === "failure") return read;
    if (read.kind === "broken") {
      this.#report({ kind: "root", key: objectKey(prefix, answer.head.root), what: `the snapshot can't be read (${read.detail}): the account can't be opened` });
      this.#sound = false;
      return null;
    }
    this.#state = read.state;
    this.#references = [answer.head.root, ...read.references];
    return null;
  }

  async #readParts(): Promise<StoreFailure | null> {
    for (const mailbox of this.#state.mailboxes.values()) {
      const failure = (await this.#readChunks(mailbox)) ?? (await this.#readSummaries(mailbox));
      if (failure !== null) return failure;
    }
    const { expunged } = this.#state;
    if (expunged.part === null) return null;
    const bytes = await this.#journal.object(expunged.part, PART_BYTES_MAX);
    if (bytes !== null && !Buffer.isBuffer(bytes)) return bytes;
    const batches = bytes === null ? null : decodeExpunged(bytes);
    if (batches === null) this.#report({ kind: "expunged", key: objectKey(this.#journal.prefix, expunged.part), what: "the list of expunged messages can't be read: they can't be brought back" });
    else expunged.load(batches);
    return null;
  }
  async #readChunks(mailbox: Mailbox): Promise<StoreFailure | null> {
    const columns = new Columns();
    let whole = true;
    for (const chunk of mailbox.chunks) {
      const bytes = await this.#journal.object(chunk.name, PART_BYTES_MAX);
      if (bytes !== null && !Buffer.isBuffer(bytes)) return bytes;
      if (bytes !== null && addChunk(columns, chunk, bytes)) continue;
      whole = false;
      this.#report({ kind: "chunk", mailbox: mailbox.id, key: objectKey(this.#journal.prefix, chunk.name), what: `the messages ${chunk.firstUid} to ${chunk.lastUid} (${chunk.rows}) of "${mailbox.name}" can't be listed: the mailbox can't be opened` });
    }
    if (!whole) return null;
    mailbox.columns = columns;
    const counters = countersOf(columns);
    if (counters.exists === mailbox.exists && counters.unseen === mailbox.unseen && counters.bytes === mailbox.bytes) return null;
    const said = `${mailbox.exists} messages, ${mailbox.unseen} unseen, ${mailbox.bytes} octets`;
    this.#report({ kind: "counters", mailbox: mailbox.id, key: objectKey(this.#journal.prefix, this.#head!.root), what: `"${mailbox.name}" is said to have ${said}, and has ${counters.exists}, ${counters.unseen} and ${counters.bytes}` });
    return null;
  }
  async #readSummaries(mailbox: Mailbox): Promise<StoreFailure | null> {
    for (const chunk of mailbox.summaryChunks) {
      const bytes = await this.#journal.object(chunk.name, PART_BYTES_MAX);
      if (bytes !== null && !Buffer.isBuffer(bytes)) return bytes;
      if (bytes !== null && areSummaries(bytes)) continue;
      this.#report({ kind: "summary", mailbox: mailbox.id, chunk, key: objectKey(this.#journal.prefix, chunk.name), what: `the envelopes of messages ${chunk.firstUid} to ${chunk.lastUid} of "${mailbox.name}" can't be read: they are made anew whenever they are asked for, slowly` });
    }
    return null;
  }

  /** By a listing, so that what lies behind a gap is seen, too. */
  async #readEntries(): Promise<StoreFailure | null> {
    const { prefix, world } = this.#journal;
    for await (const key of keysUnder(world.store, `${prefix}j/`, this.#seq === 0 ? "" : entryKey(prefix, this.#seq))) {
      if (typeof key !== "string") return key;
      const seq = seqOfEntryKey(prefix, key);
      if (seq === null) continue;
      // Nobody knows where the entries begin that a pointer which can't be read has not passed.
      if (seq > this.#lastSeq + 1 && (this.#sound || this.#lastSeq > 0)) this.#gap(this.#lastSeq + 1, seq - 1);
      this.#lastSeq = seq;
      const failure = await this.#readOne(seq, key);
      if (failure !== null) return failure;
    }
    return null;
  }
  #gap(from: number, to: number): void {
    const which = from === to ? `entry ${from} is` : `entries ${from} to ${to} are`;
    this.#report({ kind: "entry", seq: from, lastSeq: to, mark: false, key: entryKey(this.#journal.prefix, from), what: `${which} missing: what they changed is lost, and what came after is not seen` });
    this.#sound = false;
  }
  async #readOne(seq: number, key: string): Promise<StoreFailure | null> {
    const read = await readEntry(this.#journal, seq);
    if (read.kind === "failure") return read;
    // Trimmed since it was listed: the pointer has moved, and the account is looked at again.
    const mark = read.kind === "ops" && read.ops[0]?.kind === "mended";
    const problem = read.kind === "absent" ? "it is absent" : read.kind === "broken" ? read.detail : mark ? "a repair broke off here" : this.#apply(read.ops, seq);
    if (problem === null) return null;
    this.#report({ kind: "entry", seq, lastSeq: seq, mark, key, what: `entry ${seq} can't be read (${problem}): the account can't be opened, what came after is not seen` });
    this.#sound = false;
    return null;
  }
  /** Answers why the entry does not fit, or null. */
  #apply(ops: readonly Op[], seq: number): string | null {
    if (!this.#sound) return null;
    try {
      this.#journal.machine.apply(this.#state, ops, seq);
      this.#seq = seq;
      return null;
    } catch (error) {
      return error instanceof Error ? error.message : "it does not fit";
    }
  }

  async #readBodies(): Promise<StoreFailure | null> {
    for (const mailbox of this.#state.mailboxes.values()) {
      const { columns } = mailbox;
      this.#messages += columns?.count ?? 0;
      for (let row = 0; this.#options.bodies && columns !== null && row < columns.count; row++) {
        const [place, uid] = [columns.bodyAt(row), columns.uid[row]!];
        const answer = await this.#readBody(place, columns.size[row]!);
        if (answer !== null && typeof answer !== "string") return answer;
        if (answer !== null) this.#report({ kind: "body", mailbox: mailbox.id, uid, key: placeKey(this.#journal, this.#state, place), what: `the message ${uid} of "${mailbox.name}" ${answer}` });
      }
    }
    if (!this.#options.bodies || this.#state.expunged.batches === null) return null;
    for (const { batch, row } of this.#state.expunged.rows()) {
      const answer = await this.#readBody(row.body, row.size);
      if (answer !== null && typeof answer !== "string") return answer;
      if (answer !== null) this.#report({ kind: "expunged-body", mailbox: batch.mailbox, uid: row.uid, key: placeKey(this.#journal, this.#state, row.body), what: `the message ${row.uid} that was expunged from "${batch.name}" ${answer}` });
    }
    return null;
  }
  async #readBody(place: BodyPlace, size: number): Promise<StoreFailure | string | null> {
    const content = await readContent(this.#journal, this.#state, place);
    if (content !== null && !Buffer.isBuffer(content)) return content;
    const bytes = place.object === null ? place.length : (content?.length ?? 0);
    this.#bytes += bytes;
    await this.#options.pace?.(bytes);
    if (content === null) return "is lost: its octets are absent or were changed";
    return content.length === size ? null : `has ${content.length} octets instead of ${size}`;
  }

  async #count(): Promise<StoreFailure | null> {
    if (!this.#complete) return null;
    const live = liveOf(this.#state);
    const names = new Set([...live.names, ...this.#references]);
    const counted = await countLeftovers(this.#journal.world, this.#journal.prefix, { passed: this.#head?.seq ?? 0, seqs: live.seqs, names }, (key) =>
      this.#report({ kind: "unknown-key", key, what: "is no object that this version knows" }));
    if ("kind" in counted) return counted;
    this.#leftovers = counted;
    return null;
  }
}

/** False where the octets are not the messages that the snapshot says they are. */
function addChunk(columns: Columns, chunk: Chunk, bytes: Buffer): boolean {
  const from = columns.count;
  try {
    if (!columns.appendEncoded(bytes)) return false;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
  if (columns.count - from !== chunk.rows) return false;
  for (let at = from; at < columns.count; at++) {
    if (columns.uid[at]! < chunk.firstUid || columns.uid[at]! > chunk.lastUid || (at > 0 && columns.uid[at]! <= columns.uid[at - 1]!)) return false;
  }
  return true;
}
function areSummaries(bytes: Buffer): boolean {
  let at = 0;
  while (at + 8 <= bytes.length) at += 8 + bytes.readUInt32LE(at + 4);
  return at === bytes.length;
}
export function countersOf(columns: Columns): { readonly exists: number; readonly unseen: number; readonly bytes: number } {
  let bytes = 0;
  for (let at = 0; at < columns.count; at++) bytes += columns.size[at]!;
  return { exists: columns.count, unseen: columns.unseen(), bytes };
}

/** A message's octets; null where they are absent or were changed. */
export async function readContent(journal: AccountJournal, state: AccountState, place: BodyPlace): Promise<Buffer | null | StoreFailure> {
  if (place.object !== null) return journal.object(place.object, MESSAGE_BYTES_MAX);
  const pack = place.seq < 0 ? state.packs.get(-place.seq)?.name : null;
  return pack === undefined ? null : journal.body(place, MESSAGE_BYTES_MAX, pack);
}
function placeKey(journal: AccountJournal, state: AccountState, place: BodyPlace): string {
  if (place.object !== null) return objectKey(journal.prefix, place.object);
  if (place.seq > 0) return entryKey(journal.prefix, place.seq);
  return objectKey(journal.prefix, state.packs.get(-place.seq)?.name ?? `p/${-place.seq}`);
}
/** What the state refers to: entries with bodies, and objects. Everything must be loaded. */
function liveOf(state: AccountState): { readonly seqs: Set<number>; readonly names: Set<string> } {
  const seqs = new Set<number>();
  const names = new Set<string>([...state.packs.values()].map((pack) => pack.name));
  const add = (place: BodyPlace): void => void (place.object === null ? seqs.add(place.seq) : names.add(place.object));
  for (const { columns } of state.mailboxes.values()) for (let row = 0; columns !== null && row < columns.count; row++) add(columns.bodyAt(row));
  for (const { row } of state.expunged.rows()) add(row.body);
  return { seqs, names };
}

/** Puts the summaries that a snapshot's part holds where they belong; false when it can't be read. */
export async function readSummaryChunk(journal: AccountJournal, mailbox: Mailbox, chunk: Chunk): Promise<boolean | StoreFailure> {
  const bytes = await journal.object(chunk.name, PART_BYTES_MAX);
  if (bytes !== null && !Buffer.isBuffer(bytes)) return bytes;
  if (bytes === null || !areSummaries(bytes)) return false;
  loadSummaries(mailbox.columns!, mailbox.summaries, bytes);
  return true;
}
