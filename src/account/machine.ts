/** The account as a machine that a journal drives: operations, snapshots, and how both lie in the store. */
import { assert } from "../base/assert.ts";
import { BinaryReader, BinaryWriter, BrokenRecord } from "../base/binary.ts";
import type { Machine, ObjectSink } from "../journal/machine.ts";
import { AccountDraft } from "./draft.ts";
import { type Chunk, Mailbox } from "./mailbox.ts";
import { encodeExpunged, type ExpungedList } from "./expunged.ts";
import { decodeOp, encodeOp, type Op } from "./op.ts";
import { AccountState, applyOp } from "./state.ts";
import { encodeSummaries } from "./summary.ts";

const SNAPSHOT_VERSION = 1;
/** Rows of one chunk: what is written again when one of its messages changes. */
const CHUNK_ROWS = 16_384;
/** A summary chunk smaller than this is merged with the next one. */
const SUMMARY_CHUNK_ROWS = 4_096;

export const accountMachine: Machine<AccountState, Op, AccountDraft> = {
  empty: () => new AccountState(),
  draft: () => new AccountDraft(),
  apply(state, ops, seq) {
    for (const op of ops) applyOp(state, op, seq);
    state.seq = seq;
  },
  encode: encodeOp,
  decode: decodeOp,
  capture(state, sink) {
    const captured = [...state.mailboxes.values()].map((mailbox) => ({ mailbox, before: { chunks: mailbox.chunks, summaryChunks: mailbox.summaryChunks }, ...captureMailbox(mailbox, sink) }));
    const { expunged } = state;
    const expungedBefore = { part: expunged.part, dirty: expunged.dirty };
    captureExpunged(expunged, sink);
    const root = encodeRoot(state);
    return {
      root,
      settle(stored) {
        if (stored) return;
        // The objects may not exist: what was clean before stays clean, everything else is written again.
        for (const { mailbox, before, fresh } of captured) {
          mailbox.chunks = before.chunks;
          mailbox.summaryChunks = before.summaryChunks;
          for (const chunk of before.chunks) if (fresh) mailbox.dirty.add(chunk);
        }
        expunged.part = expungedBefore.part;
        expunged.dirty ||= expungedBefore.dirty;
      },
    };
  },
  async restore(root) {
    return decodeRoot(root);
  },
  references(root) {
    const state = decodeRoot(root);
    const chunks = [...state.mailboxes.values()].flatMap((mailbox) => [...mailbox.chunks, ...mailbox.summaryChunks].map((chunk) => chunk.name));
    return state.expunged.part === null ? chunks : [...chunks, state.expunged.part];
  },
};

function captureExpunged(expunged: ExpungedList, sink: ObjectSink): void {
  if (expunged.batches === null) assert(expunged.overlay.length === 0, "what was expunged is loaded before a capture");
  if (expunged.batches === null || !expunged.dirty) return;
  expunged.part = expunged.batches.length === 0 ? null : sink.add(encodeExpunged(expunged.batches));
  expunged.dirty = false;
}

/** Writes the chunks of a mailbox that changed, and points the mailbox at them. */
function captureMailbox(mailbox: Mailbox, sink: ObjectSink): { fresh: boolean } {
  const columns = mailbox.columns;
  if (columns === null) {
    assert(mailbox.overlay.length === 0, "a mailbox that changed is loaded before a capture");
    return { fresh: false };
  }
  const kept: Chunk[] = [];
  const boundaries: { firstUid: number; lastUid: number }[] = [];
  const last = mailbox.chunks[mailbox.chunks.length - 1];
  const tailFrom = last === undefined ? 0 : columns.lowerBound(last.lastUid + 1);
  for (const chunk of mailbox.chunks) {
    const grows = chunk === last && tailFrom < columns.count && columns.count - columns.lowerBound(chunk.firstUid) <= CHUNK_ROWS;
    if (grows) boundaries.push({ firstUid: chunk.firstUid, lastUid: columns.uid[columns.count - 1]! });
    else if (mailbox.dirty.has(chunk)) boundaries.push(chunk);
    else kept.push(chunk);
  }
  if (tailFrom < columns.count && boundaries[boundaries.length - 1]?.lastUid !== columns.uid[columns.count - 1]) {
    for (let from = tailFrom; from < columns.count; from += CHUNK_ROWS) {
      const to = Math.min(columns.count, from + CHUNK_ROWS);
      boundaries.push({ firstUid: columns.uid[from]!, lastUid: columns.uid[to - 1]! });
    }
  }
  const written = boundaries.map((bounds) => writeChunk(mailbox, bounds, sink)).filter((chunk) => chunk !== null);
  mailbox.chunks = [...kept, ...written].sort((a, b) => a.firstUid - b.firstUid);
  mailbox.dirty.clear();
  captureSummaries(mailbox, sink);
  return { fresh: boundaries.length > 0 };
}

function writeChunk(mailbox: Mailbox, bounds: { firstUid: number; lastUid: number }, sink: ObjectSink): Chunk | null {
  const columns = mailbox.columns!;
  const from = columns.lowerBound(bounds.firstUid);
  const to = columns.lowerBound(bounds.lastUid + 1);
  if (from === to) return null;
  return { name: sink.add(columns.encode(from, to)), firstUid: bounds.firstUid, lastUid: bounds.lastUid, rows: to - from };
}

/** Summaries never change: new ones get a chunk, small neighbours that are in memory are merged into it. */
function captureSummaries(mailbox: Mailbox, sink: ObjectSink): void {
  const columns = mailbox.columns!;
  const chunks = [...mailbox.summaryChunks];
  const lastUid = columns.count === 0 ? 0 : columns.uid[columns.count - 1]!;
  let firstUid = (chunks[chunks.length - 1]?.lastUid ?? 0) + 1;
  if (lastUid < firstUid) return;
  for (let last = chunks[chunks.length - 1]; last !== undefined; last = chunks[chunks.length - 1]) {
    const rows = columns.count - columns.lowerBound(firstUid);
    if (last.rows > rows * 2 || last.rows + rows > SUMMARY_CHUNK_ROWS || !summariesLoaded(mailbox, last)) break;
    firstUid = last.firstUid;
    chunks.pop();
  }
  const from = columns.lowerBound(firstUid);
  const encoded = encodeSummaries(columns, mailbox.summaries, from, columns.count);
  if (encoded.length > 0) chunks.push({ name: sink.add(encoded), firstUid, lastUid, rows: columns.count - from });
  mailbox.summaryChunks = chunks;
}
function summariesLoaded(mailbox: Mailbox, chunk: Chunk): boolean {
  const columns = mailbox.columns!;
  const to = columns.lowerBound(chunk.lastUid + 1);
  for (let at = columns.lowerBound(chunk.firstUid); at < to; at++) if (columns.summaryLength[at] === 0) return false;
  return true;
}

function encodeRoot(state: AccountState): Buffer {
  const writer = new BinaryWriter(4096);
  writer.byte(SNAPSHOT_VERSION).byte(state.closed ? 1 : 0).number(state.mailboxNext).number(state.uidValidityNext);
  writer.number(state.packNext).number(state.packs.size);
  for (const [number, pack] of state.packs) writer.number(number).text(pack.name).number(pack.bytes);
  writer.number(state.mailboxes.size);
  for (const mailbox of state.mailboxes.values()) {
    writer.number(mailbox.id).text(mailbox.name).number(mailbox.uidValidity).text(mailbox.specialUse ?? "");
    writer.number(mailbox.uidNext).number(mailbox.highestModseq).number(mailbox.expungeModseq);
    writer.number(mailbox.exists).number(mailbox.unseen).number(mailbox.bytes);
    writer.number(mailbox.keywords.length);
    for (const keyword of mailbox.keywords) writer.text(keyword);
    for (const chunks of [mailbox.chunks, mailbox.summaryChunks]) {
      writer.number(chunks.length);
      for (const chunk of chunks) writer.text(chunk.name).number(chunk.firstUid).number(chunk.lastUid).number(chunk.rows);
    }
  }
  writer.number(state.subscriptions.size);
  for (const name of state.subscriptions) writer.text(name);
  writer.number(state.seq).text(state.expunged.part ?? "");
  return writer.finish();
}

function decodeRoot(root: Buffer): AccountState {
  const reader = new BinaryReader(root);
  const version = reader.byte();
  if (version !== SNAPSHOT_VERSION) throw new BrokenRecord(`snapshot version ${version} is not known here`);
  const state = new AccountState();
  state.closed = reader.byte() === 1;
  state.mailboxNext = reader.number();
  state.uidValidityNext = reader.number();
  state.packNext = reader.number();
  for (let left = reader.number(); left > 0; left--) state.packs.set(reader.number(), { name: reader.text(), bytes: reader.number() });
  for (let left = reader.number(); left > 0; left--) state.add(decodeMailbox(reader));
  for (const mailbox of state.mailboxes.values()) {
    state.usedBytes += mailbox.bytes;
    state.messages += mailbox.exists;
  }
  for (let left = reader.number(); left > 0; left--) state.subscriptions.add(reader.text());
  state.seq = reader.number();
  const part = reader.text();
  if (part !== "") {
    state.expunged.part = part;
    state.expunged.batches = null;
  }
  return state;
}

function decodeMailbox(reader: BinaryReader): Mailbox {
  const facts = { id: reader.number(), name: reader.text(), uidValidity: reader.number() };
  const specialUse = reader.text();
  const mailbox = new Mailbox({ ...facts, specialUse: specialUse === "" ? null : specialUse, modseq: 0 }, null);
  mailbox.uidNext = reader.number();
  mailbox.highestModseq = reader.number();
  mailbox.expungeModseq = reader.number();
  mailbox.exists = reader.number();
  mailbox.unseen = reader.number();
  mailbox.bytes = reader.number();
  for (let left = reader.number(); left > 0; left--) mailbox.keywords.push(reader.text());
  mailbox.chunks = decodeChunks(reader);
  mailbox.summaryChunks = decodeChunks(reader);
  return mailbox;
}
function decodeChunks(reader: BinaryReader): Chunk[] {
  const chunks: Chunk[] = [];
  for (let left = reader.number(); left > 0; left--) chunks.push({ name: reader.text(), firstUid: reader.number(), lastUid: reader.number(), rows: reader.number() });
  return chunks;
}
