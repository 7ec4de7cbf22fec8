/**
 * Messages that were expunged lately, so that an operator can bring them back: their rows, and where their octets are.
 *
 * The operation that removes messages has a `keep` beside it, which carries what the list needs: a node that has not loaded
 * the mailbox gets the same list as one that has. What is too old is forgotten by the times that operations carry, never by a
 * node's clock. In a snapshot the list is an object of its own; it is read when somebody needs it, and until then what
 * happened since waits.
 */
import { assert } from "../base/assert.ts";
import { BinaryReader, BinaryWriter, BrokenRecord } from "../base/binary.ts";
import type { Columns } from "./columns.ts";
import { decodeExpungedRows, encodeExpungedRows, EXPUNGED_ROWS_MAX, readBatch, writeBatch, type ExpungedBatch, type ExpungedRow } from "./expunged-batch.ts";
import { FLAG } from "./flags.ts";
import type { Mailbox } from "./mailbox.ts";
import { offsetsOf, type Op } from "./op.ts";

export type ExpungedOp = Extract<Op, { kind: "keep" | "forget" | "pack" }>;

export class ExpungedList {
  /** In the order of their entries; null until loaded. */
  batches: readonly ExpungedBatch[] | null = [];
  /** Where the newest snapshot has them; null where it has none. */
  part: string | null = null;
  /** The list is not what `part` holds. */
  dirty = false;
  overlay: ExpungedOp[] = [];

  get memoryBytes(): number {
    return (this.batches ?? []).reduce((sum, batch) => sum + 200 + batch.rows.length, this.overlay.length * 200);
  }
  get count(): number {
    return (this.batches ?? []).reduce((sum, batch) => sum + batch.count, 0);
  }
  apply(op: ExpungedOp): void {
    if (this.batches === null) {
      this.overlay.push(op);
      return;
    }
    const before = this.batches;
    this.batches = applied(before, op);
    if (this.batches !== before) this.dirty = true;
  }
  /** Takes what a snapshot held, with what happened since. */
  load(batches: readonly ExpungedBatch[]): void {
    const { overlay } = this;
    this.overlay = [];
    this.batches = batches;
    for (const op of overlay) this.apply(op);
  }
  /** Every row. The list must be loaded. */
  *rows(): Generator<{ readonly batch: ExpungedBatch; readonly row: ExpungedRow }> {
    assert(this.batches !== null, "the list of expunged messages is loaded");
    for (const batch of this.batches) for (const row of decodeExpungedRows(batch)) yield { batch, row };
  }
}

/** The same list where nothing changes. */
function applied(batches: readonly ExpungedBatch[], op: ExpungedOp): readonly ExpungedBatch[] {
  switch (op.kind) {
    case "keep":
      return withinLimit([...since(batches, op.before), op.batch]);
    case "forget": {
      const rest = since(batches, op.before);
      return op.messages.length === 0 ? rest : without(rest, op.messages);
    }
    case "pack":
      return relocated(batches, op);
  }
}
function since(batches: readonly ExpungedBatch[], before: number): readonly ExpungedBatch[] {
  return batches.some((batch) => batch.at < before) ? batches.filter((batch) => batch.at >= before) : batches;
}
function withinLimit(batches: readonly ExpungedBatch[]): readonly ExpungedBatch[] {
  let rows = batches.reduce((sum, batch) => sum + batch.count, 0);
  let from = 0;
  while (rows > EXPUNGED_ROWS_MAX && from < batches.length - 1) rows -= batches[from++]!.count;
  return from === 0 ? batches : batches.slice(from);
}
/** `messages` are pairs of a mailbox and a UID. */
function without(batches: readonly ExpungedBatch[], messages: readonly number[]): readonly ExpungedBatch[] {
  const gone = new Map<number, Set<number>>();
  for (let i = 0; i < messages.length; i += 2) {
    const uids = gone.get(messages[i]!) ?? new Set<number>();
    gone.set(messages[i]!, uids.add(messages[i + 1]!));
  }
  return changedRows(batches, (rows, batch) => {
    const uids = gone.get(batch.mailbox);
    return uids === undefined ? rows : rows.filter((row) => !uids.has(row.uid));
  }, (batch) => gone.has(batch.mailbox));
}
function relocated(batches: readonly ExpungedBatch[], op: Extract<Op, { kind: "pack" }>): readonly ExpungedBatch[] {
  if (batches.length === 0 || op.moves.length === 0) return batches;
  const offsets = offsetsOf(op.moves);
  return changedRows(batches, (rows) => {
    let moved = false;
    const changed = rows.map((row) => {
      const offset = row.body.object === null ? offsets.get(row.body.seq)?.get(row.body.offset) : undefined;
      if (offset === undefined) return row;
      moved = true;
      return { ...row, body: { ...row.body, seq: -op.pack, offset } };
    });
    return moved ? changed : rows;
  }, () => true);
}
/** Batches of which nothing is left are dropped; those whose rows stay as they are stay themselves. */
function changedRows(batches: readonly ExpungedBatch[], change: (rows: readonly ExpungedRow[], batch: ExpungedBatch) => readonly ExpungedRow[], concerns: (batch: ExpungedBatch) => boolean): readonly ExpungedBatch[] {
  const changed: ExpungedBatch[] = [];
  let same = true;
  for (const batch of batches) {
    const rows = concerns(batch) ? decodeExpungedRows(batch) : null;
    const next = rows === null ? rows : change(rows, batch);
    if (next === rows || (rows !== null && next!.length === rows.length && next!.every((row, i) => row === rows[i]))) {
      changed.push(batch);
      continue;
    }
    same = false;
    if (next!.length > 0) changed.push({ ...batch, count: next!.length, rows: encodeExpungedRows(next!) });
  }
  return same ? batches : changed;
}

/** These rows of a mailbox, the last ones where they are too many. */
export function expungedBatch(mailbox: Mailbox, columns: Columns, rows: readonly number[], at: number): ExpungedBatch {
  const kept = rows.slice(-EXPUNGED_ROWS_MAX).map((row) => ({
    uid: columns.uid[row]!, low: columns.low[row]!, high: columns.high[row]!, internalDate: columns.internalDate[row]!, size: columns.size[row]!, body: columns.bodyAt(row),
  }));
  const system = FLAG.answered | FLAG.flagged | FLAG.deleted | FLAG.seen | FLAG.draft;
  const hasKeywords = kept.some((row) => (row.low & ~system) !== 0 || row.high !== 0);
  return { mailbox: mailbox.id, name: mailbox.name, at, keywords: hasKeywords ? [...mailbox.keywords] : [], count: kept.length, rows: encodeExpungedRows(kept) };
}

/** The list as an object of a snapshot. */
export function encodeExpunged(batches: readonly ExpungedBatch[]): Buffer {
  const writer = new BinaryWriter(4096);
  writer.number(batches.length);
  for (const batch of batches) writeBatch(writer, batch);
  return writer.finish();
}
/** Null when the octets are no list. */
export function decodeExpunged(bytes: Buffer): readonly ExpungedBatch[] | null {
  try {
    const reader = new BinaryReader(bytes);
    const batches: ExpungedBatch[] = [];
    for (let left = reader.number(); left > 0; left--) batches.push(readBatch(reader));
    return batches;
  } catch (error) {
    if (error instanceof BrokenRecord) return null;
    throw error;
  }
}
