/**
 * Making the state of an account anew where its snapshot is damaged: from all entries since the first, or from an older
 * snapshot that still exists and the entries since. Both give exactly what was lost. Past an entry that is lost itself, only
 * what the others say can be kept, and only when an operator says so.
 */
import { keysUnder, PART_BYTES_MAX, readEntry, readState } from "../journal/survey.ts";
import { objectKey } from "../journal/keys.ts";
import type { StoreFailure } from "../port/object-store.ts";
import type { AccountJournal } from "./account.ts";
import { Columns } from "./columns.ts";
import { decodeExpunged } from "./expunged.ts";
import { countersOf, readSummaryChunk } from "./inspection.ts";
import type { Mailbox } from "./mailbox.ts";
import type { NewRow, Op } from "./op.ts";
import { AccountState, applyOp, StateReplaced } from "./state.ts";

export type Rebuilt = { readonly kind: "state"; readonly state: AccountState; /** For people. */ readonly from: string } | { readonly kind: "impossible"; readonly why: string } | StoreFailure;

/** The state after entry `seq`, with every mailbox in memory. */
export async function rebuildState(journal: AccountJournal, seq: number): Promise<Rebuilt> {
  const first = await replay(journal, new AccountState(), seq);
  if ("kind" in first) return first;
  if (first.missing === null) return { kind: "state", state: first.state, from: `its ${seq} entries` };
  const roots: string[] = [];
  for await (const key of keysUnder(journal.world.store, `${journal.prefix}s/`)) {
    if (typeof key !== "string") return key;
    roots.push(key.slice(journal.prefix.length));
  }
  // Names begin with their time: the newest needs the fewest entries.
  for (const root of roots.reverse()) {
    const state = await readWhole(journal, root);
    if (state === null) continue;
    if ("kind" in state) return state;
    if (state.seq > seq) continue;
    const since = state.seq;
    const replayed = await replay(journal, state, seq);
    if ("kind" in replayed) return replayed;
    if (replayed.missing === null) return { kind: "state", state, from: `an older snapshot (${objectKey(journal.prefix, root)}) and the ${seq - since} entries since` };
  }
  return { kind: "impossible", why: `entry ${first.missing} is not there any more, and no older snapshot is whole` };
}

/** Applies the entries behind the state up to `seq`. `missing` is the first that is not there or does not fit; null when all were. */
async function replay(journal: AccountJournal, state: AccountState, seq: number): Promise<{ readonly state: AccountState; readonly missing: number | null } | StoreFailure> {
  for (let at = state.seq + 1; at <= seq; at++) {
    const read = await readEntry(journal, at);
    if (read.kind === "failure") return read;
    if (read.kind !== "ops") return { state, missing: at };
    try {
      journal.machine.apply(state, read.ops, at);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return { state, missing: at };
    }
  }
  return { state, missing: null };
}

/** A snapshot with all its parts in memory, none of which is referred to any more: they may be collected. Null when one is damaged. */
async function readWhole(journal: AccountJournal, root: string): Promise<AccountState | null | StoreFailure> {
  const read = await readState(journal, root);
  if (read.kind !== "state") return read.kind === "failure" ? read : null;
  const { state } = read;
  for (const mailbox of state.mailboxes.values()) {
    const columns = new Columns();
    for (const chunk of mailbox.chunks) {
      const bytes = await journal.object(chunk.name, PART_BYTES_MAX);
      if (bytes !== null && !Buffer.isBuffer(bytes)) return bytes;
      if (bytes === null || !columns.appendEncoded(bytes)) return null;
    }
    mailbox.columns = columns;
    const failure = await detachParts(journal, mailbox);
    if (failure !== null) return failure;
  }
  const { expunged } = state;
  if (expunged.part === null) return state;
  const bytes = await journal.object(expunged.part, PART_BYTES_MAX);
  if (bytes !== null && !Buffer.isBuffer(bytes)) return bytes;
  const batches = bytes === null ? null : decodeExpunged(bytes);
  if (batches === null) return null;
  expunged.load(batches);
  expunged.dirty = true;
  return state;
}
/** Summaries that can't be read are made anew when somebody asks for them. */
async function detachParts(journal: AccountJournal, mailbox: Mailbox): Promise<StoreFailure | null> {
  for (const chunk of mailbox.summaryChunks) {
    const read = await readSummaryChunk(journal, mailbox, chunk);
    if (typeof read !== "boolean") return read;
  }
  mailbox.chunks = [];
  mailbox.summaryChunks = [];
  mailbox.dirty.clear();
  return null;
}

/** Sets the counters to what the messages say. */
export function recount(state: AccountState): void {
  state.usedBytes = 0;
  state.messages = 0;
  for (const mailbox of state.mailboxes.values()) {
    if (mailbox.columns !== null) Object.assign(mailbox, countersOf(mailbox.columns));
    state.usedBytes += mailbox.bytes;
    state.messages += mailbox.exists;
  }
}

export interface Skipped {
  /** Operations that mean nothing without the lost ones. */
  readonly dropped: number;
  /** The last entry that was looked at. */
  readonly lastSeq: number;
}
/**
 * Applies the entries behind the state up to `lastSeq`, without those that `skip` names. What UIDs, mailboxes and packs the
 * lost entries took is seen from the numbers that later ones use; those are not given again.
 */
export async function replayWithout(journal: AccountJournal, state: AccountState, lastSeq: number, skip: (seq: number) => boolean): Promise<Skipped | { readonly kind: "broken"; readonly seq: number } | StoreFailure> {
  let dropped = 0;
  for (let seq = state.seq + 1; seq <= lastSeq; seq++) {
    if (skip(seq)) continue;
    const read = await readEntry(journal, seq);
    if (read.kind === "failure") return read;
    if (read.kind !== "ops") return { kind: "broken", seq };
    makeRoomForKeywords(state, read.ops);
    for (const op of read.ops) dropped += applyLeniently(state, op, seq) ? 0 : 1;
    state.seq = seq;
  }
  state.seq = lastSeq;
  recount(state);
  return { dropped, lastSeq };
}

function applyLeniently(state: AccountState, op: Op, seq: number): boolean {
  const mailbox = "mailbox" in op ? state.mailboxes.get(op.mailbox) : undefined;
  switch (op.kind) {
    case "mailbox-create":
      if (op.mailbox < state.mailboxNext) return false;
      state.mailboxNext = op.mailbox;
      freeName(state, op.name, seq);
      break;
    case "mailbox-rename":
      if (mailbox === undefined) return false;
      if (mailbox.name !== op.name) freeName(state, op.name, seq);
      else return true;
      break;
    case "append":
    case "copy":
      if (mailbox === undefined || op.uid < mailbox.uidNext) return false;
      mailbox.uidNext = op.uid;
      break;
    case "mailbox-delete":
    case "keyword":
    case "flags":
    case "expunge":
      if (mailbox === undefined) return false;
      break;
    case "pack":
      if (op.pack < state.packNext) return false;
      state.packNext = op.pack;
      break;
    case "mended":
      return true;
    case "subscribe":
    case "keep":
    case "forget":
    case "close":
      break;
  }
  try {
    applyOp(state, op, seq);
    return true;
  } catch (error) {
    if (error instanceof StateReplaced) throw error;
    return false;
  }
}
/** A lost entry had freed the name: the mailbox that has it here is kept under another. */
function freeName(state: AccountState, name: string, seq: number): void {
  const holder = state.byName.get(name);
  if (holder === undefined) return;
  state.byName.delete(name);
  holder.name = `${name} (${seq})`;
  state.byName.set(holder.name, holder);
}

/** Bits that an entry uses and nobody defined belong to keywords that a lost entry did: they get a name, so that later ones keep theirs. */
function makeRoomForKeywords(state: AccountState, ops: readonly Op[]): void {
  for (const mailbox of state.mailboxes.values()) {
    let used = 0;
    let defined = 0;
    for (const op of ops) {
      if (!("mailbox" in op) || op.mailbox !== mailbox.id) continue;
      if (op.kind === "keyword") defined += 1;
      if (op.kind === "append") used = Math.max(used, keywordsIn(op.row));
      if (op.kind === "copy") used = op.rows.reduce((most, row) => Math.max(most, keywordsIn(row)), used);
      if (op.kind === "flags") used = Math.max(used, keywordsIn({ low: op.set[0], high: op.set[1] }));
    }
    for (let missing = used - defined - mailbox.keywords.length; missing > 0; missing--) mailbox.keywords.push(`lost-keyword-${mailbox.keywords.length + 1}`);
  }
}
/** One more than the highest keyword's index. */
function keywordsIn({ low, high }: Pick<NewRow, "low" | "high">): number {
  const bits = high === 0 ? 32 - Math.clz32(low) : 64 - Math.clz32(high);
  return Math.max(0, bits - 5);
}
