/** One mailbox: its counters, always known, and its messages, loaded when somebody looks. */
import { assert } from "../base/assert.ts";
import { Columns } from "./columns.ts";
import { FLAG } from "./flags.ts";
import { offsetsOf, type Op } from "./op.ts";
import { SummaryArena } from "./summary.ts";

/** A part of a snapshot: the messages whose UIDs lie between the two, as they were. */
export interface Chunk {
  readonly name: string;
  readonly firstUid: number;
  readonly lastUid: number;
  readonly rows: number;
}

/** Operations that change messages; the others change the account. */
export type MessageOp = Extract<Op, { kind: "append" | "copy" | "flags" | "expunge" }>;
export type PackOp = Extract<Op, { kind: "pack" }>;

export class Mailbox {
  readonly id: number;
  readonly uidValidity: number;
  readonly specialUse: string | null;
  name: string;
  uidNext = 1;
  highestModseq: number;
  /** The last entry that removed messages. */
  expungeModseq = 0;
  exists = 0;
  unseen = 0;
  bytes = 0;
  readonly keywords: string[] = [];
  /** Where the messages lie in the newest snapshot. A chunk in `dirty` has changed since. */
  chunks: readonly Chunk[] = [];
  readonly dirty = new Set<Chunk>();
  summaryChunks: readonly Chunk[] = [];
  /** Null until loaded; until then what happened since the snapshot waits in `overlay`. */
  columns: Columns | null;
  overlay: { readonly op: MessageOp | PackOp; readonly seq: number }[] = [];
  readonly summaries = new SummaryArena();

  constructor(facts: { id: number; name: string; uidValidity: number; specialUse: string | null; modseq: number }, columns: Columns | null) {
    this.id = facts.id;
    this.name = facts.name;
    this.uidValidity = facts.uidValidity;
    this.specialUse = facts.specialUse;
    this.highestModseq = facts.modseq;
    this.columns = columns;
  }
  get memoryBytes(): number {
    return (this.columns?.memoryBytes ?? 0) + this.summaries.memoryBytes + this.overlay.length * 200;
  }

  /** Counters first, which need no messages; then the messages, if they are here. `from` is the mailbox a copy came from, if it still exists. */
  apply(op: MessageOp, seq: number, from: Mailbox | null): void {
    this.highestModseq = seq;
    switch (op.kind) {
      case "append":
        this.#added(op.uid, [op.row]);
        break;
      case "copy":
        this.#added(op.uid, op.rows);
        break;
      case "flags":
        this.unseen += op.unseen;
        break;
      case "expunge":
        this.exists -= op.count;
        this.unseen -= op.unseen;
        this.bytes -= op.bytes;
        this.expungeModseq = seq;
        break;
    }
    if (this.columns === null) this.overlay.push({ op, seq });
    else this.applyToColumns(this.columns, op, seq, from);
  }
  #added(uid: number, rows: readonly { low: number; size: number }[]): void {
    assert(uid === this.uidNext, `mailbox ${this.id}: UID ${uid} where ${this.uidNext} is next`);
    this.uidNext = uid + rows.length;
    this.exists += rows.length;
    for (const row of rows) {
      this.bytes += row.size;
      if ((row.low & FLAG.seen) === 0) this.unseen += 1;
    }
  }

  /** Bodies moved: nothing that a client sees. */
  applyPack(op: PackOp, seq: number): void {
    if (this.columns === null) this.overlay.push({ op, seq });
    else this.applyToColumns(this.columns, op, seq, null);
  }

  applyToColumns(columns: Columns, op: MessageOp | PackOp, seq: number, from: Mailbox | null): void {
    switch (op.kind) {
      case "pack":
        this.#relocate(columns, op);
        return;
      case "append":
        columns.append({ ...op.row, uid: op.uid, modseq: seq, saveDate: op.savedAt, body: { ...op.row.body, seq: op.row.body.seq === 0 ? seq : op.row.body.seq } });
        this.summaries.put(columns, columns.count - 1, op.summary);
        return;
      case "copy":
        for (let i = 0; i < op.rows.length; i++) {
          columns.append({ ...op.rows[i]!, uid: op.uid + i, modseq: seq, saveDate: op.savedAt });
          const source = from?.columns?.rowOf(op.sources[i]!) ?? -1;
          const summary = source < 0 ? null : from!.summaries.get(from!.columns!, source);
          if (summary !== null) this.summaries.put(columns, columns.count - 1, summary);
        }
        return;
      case "flags":
        this.#soil(op.uids);
        columns.forRanges(op.uids, (at) => {
          columns.low[at] = ((columns.low[at]! & ~op.clear[0]) | op.set[0]) >>> 0;
          columns.high[at] = ((columns.high[at]! & ~op.clear[1]) | op.set[1]) >>> 0;
          columns.modseq[at] = seq;
        });
        return;
      case "expunge":
        this.#soil(op.uids);
        columns.removeRanges(op.uids);
        return;
    }
  }
  #relocate(columns: Columns, op: PackOp): void {
    const offsets = offsetsOf(op.moves);
    const soiled: number[] = [];
    for (let at = 0; at < columns.count; at++) {
      const offset = offsets.get(columns.bodySeq[at]!)?.get(columns.bodyOffset[at]!);
      if (offset === undefined || columns.objects.has(columns.uid[at]!)) continue;
      columns.bodySeq[at] = -op.pack;
      columns.bodyOffset[at] = offset;
      soiled.push(columns.uid[at]!, columns.uid[at]!);
    }
    this.#soil(soiled);
  }
  #soil(ranges: readonly number[]): void {
    for (const chunk of this.chunks) {
      if (this.dirty.has(chunk)) continue;
      for (let i = 0; i < ranges.length; i += 2) {
        if (ranges[i]! <= chunk.lastUid && ranges[i + 1]! >= chunk.firstUid) {
          this.dirty.add(chunk);
          break;
        }
      }
    }
  }
}
