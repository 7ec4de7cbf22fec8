/**
 * The operations of an account's journal. They say what happened, not what was asked: UIDs, changed rows and counters
 * are decided by the writer and checked when they are applied.
 */
import { BrokenRecord, type BinaryReader, type BinaryWriter } from "../base/binary.ts";
import { readBatch, writeBatch, type ExpungedBatch } from "./expunged-batch.ts";

/** A message as it is added. `body.seq` 0 stands for the entry that holds this operation, a negative one for a pack. */
export interface NewRow {
  readonly low: number;
  readonly high: number;
  readonly internalDate: number;
  readonly size: number;
  readonly body: { readonly seq: number; readonly offset: number; readonly length: number; readonly object: string | null };
}
/** UID ranges [first, last, first, last, …], ascending. */
export type UidRanges = readonly number[];

export type Op =
  | { readonly kind: "mailbox-create"; readonly mailbox: number; readonly name: string; readonly uidValidity: number; readonly specialUse: string | null }
  | { readonly kind: "mailbox-rename"; readonly mailbox: number; readonly name: string }
  | { readonly kind: "mailbox-delete"; readonly mailbox: number }
  | { readonly kind: "subscribe"; readonly name: string; readonly subscribed: boolean }
  | { readonly kind: "keyword"; readonly mailbox: number; readonly name: string }
  | { readonly kind: "append"; readonly mailbox: number; readonly uid: number; readonly savedAt: number; readonly row: NewRow; readonly summary: Buffer }
  /** `uid` is the first; the others follow without gaps. `sources` are the UIDs in `from`, in the same order. */
  | { readonly kind: "copy"; readonly from: number; readonly mailbox: number; readonly uid: number; readonly savedAt: number; readonly sources: readonly number[]; readonly rows: readonly NewRow[] }
  /** new = old with `clear` removed and `set` added, for every message that exists in `uids`. */
  | { readonly kind: "flags"; readonly mailbox: number; readonly uids: UidRanges; readonly clear: readonly [low: number, high: number]; readonly set: readonly [low: number, high: number]; readonly unseen: number }
  /** `unseen` and `bytes` are what the mailbox loses. */
  | { readonly kind: "expunge"; readonly mailbox: number; readonly uids: UidRanges; readonly count: number; readonly unseen: number; readonly bytes: number }
  /**
   * Bodies that lie in a pack now: triples of the entry (or of minus the number of the pack) and the offset they had, and their offset
   * in the pack. Packs in `dropped` have no body that anybody refers to.
   */
  | { readonly kind: "pack"; readonly pack: number; readonly name: string; readonly bytes: number; readonly moves: readonly number[]; readonly dropped: readonly number[] }
  /** Messages that the operations after this one remove, and that can be brought back. What was removed before `before` is forgotten. */
  | { readonly kind: "keep"; readonly before: number; readonly batch: ExpungedBatch }
  /** Removed messages that can't be brought back any more: what was removed before `before`, and these pairs of a mailbox and a UID. */
  | { readonly kind: "forget"; readonly before: number; readonly messages: readonly number[] }
  /** An operator gave the account another state than the entries before this one do: who does not come from its snapshot reads anew. */
  | { readonly kind: "mended" }
  /** The account is being erased: nothing is accepted after this. */
  | { readonly kind: "close" };

const TAGS = ["mailbox-create", "mailbox-rename", "mailbox-delete", "subscribe", "keyword", "append", "copy", "flags", "expunge", "close", "pack", "keep", "forget", "mended"] as const satisfies readonly Op["kind"][];

function writeAscending(writer: BinaryWriter, values: readonly number[]): void {
  writer.number(values.length);
  let previous = 0;
  for (const value of values) {
    writer.signed(value - previous);
    previous = value;
  }
}
function readAscending(reader: BinaryReader): number[] {
  const values = new Array<number>(countOf(reader));
  let previous = 0;
  for (let i = 0; i < values.length; i++) values[i] = previous += reader.signed();
  return values;
}
/** A count that can't be larger than the record could hold. */
function countOf(reader: BinaryReader): number {
  const count = reader.number();
  if (count > 16_000_000) throw new BrokenRecord("a list is too long");
  return count;
}
function writeRow(writer: BinaryWriter, row: NewRow): void {
  writer.number(row.low).number(row.high);
  writer.signed(row.internalDate);
  writer.number(row.size);
  writer.signed(row.body.seq);
  writer.number(row.body.offset).number(row.body.length).text(row.body.object ?? "");
}
function readRow(reader: BinaryReader): NewRow {
  const low = reader.number();
  const high = reader.number();
  const internalDate = reader.signed();
  const size = reader.number();
  const body = { seq: reader.signed(), offset: reader.number(), length: reader.number() };
  const object = reader.text();
  return { low, high, internalDate, size, body: { ...body, object: object === "" ? null : object } };
}

function readMoves(reader: BinaryReader): number[] {
  const moves = new Array<number>(countOf(reader) * 3);
  for (let i = 0; i < moves.length; i += 3) {
    moves[i] = reader.signed();
    moves[i + 1] = reader.number();
    moves[i + 2] = reader.number();
  }
  return moves;
}

export function encodeOp(writer: BinaryWriter, op: Op): void {
  writer.byte(TAGS.indexOf(op.kind));
  switch (op.kind) {
    case "mailbox-create":
      writer.number(op.mailbox).text(op.name).number(op.uidValidity).text(op.specialUse ?? "");
      return;
    case "mailbox-rename":
      writer.number(op.mailbox).text(op.name);
      return;
    case "mailbox-delete":
      writer.number(op.mailbox);
      return;
    case "subscribe":
      writer.text(op.name).byte(op.subscribed ? 1 : 0);
      return;
    case "keyword":
      writer.number(op.mailbox).text(op.name);
      return;
    case "append":
      writer.number(op.mailbox).number(op.uid).number(op.savedAt);
      writeRow(writer, op.row);
      writer.bytes(op.summary);
      return;
    case "copy":
      writer.number(op.from).number(op.mailbox).number(op.uid).number(op.savedAt);
      writeAscending(writer, op.sources);
      for (const row of op.rows) writeRow(writer, row);
      return;
    case "flags":
      writer.number(op.mailbox);
      writeAscending(writer, op.uids);
      writer.number(op.clear[0]).number(op.clear[1]).number(op.set[0]).number(op.set[1]);
      writer.signed(op.unseen);
      return;
    case "expunge":
      writer.number(op.mailbox);
      writeAscending(writer, op.uids);
      writer.number(op.count).number(op.unseen).number(op.bytes);
      return;
    case "pack":
      writer.number(op.pack).text(op.name).number(op.bytes).number(op.moves.length / 3);
      for (let i = 0; i < op.moves.length; i += 3) {
        writer.signed(op.moves[i]!);
        writer.number(op.moves[i + 1]!).number(op.moves[i + 2]!);
      }
      writeAscending(writer, op.dropped);
      return;
    case "keep":
      writer.number(op.before);
      writeBatch(writer, op.batch);
      return;
    case "forget":
      writer.number(op.before).number(op.messages.length / 2);
      for (const number of op.messages) writer.number(number);
      return;
    case "close":
    case "mended":
      return;
  }
}

/** Where the bodies of a pack lie now, by what held them and their offset there. */
export function offsetsOf(moves: readonly number[]): Map<number, Map<number, number>> {
  const offsets = new Map<number, Map<number, number>>();
  for (let i = 0; i < moves.length; i += 3) {
    const bySeq = offsets.get(moves[i]!) ?? new Map<number, number>();
    offsets.set(moves[i]!, bySeq.set(moves[i + 1]!, moves[i + 2]!));
  }
  return offsets;
}

/** May throw BrokenRecord. */
export function decodeOp(reader: BinaryReader): Op {
  const kind = TAGS[reader.byte()];
  switch (kind) {
    case "mailbox-create": {
      const op = { kind, mailbox: reader.number(), name: reader.text(), uidValidity: reader.number() } as const;
      const specialUse = reader.text();
      return { ...op, specialUse: specialUse === "" ? null : specialUse };
    }
    case "mailbox-rename":
      return { kind, mailbox: reader.number(), name: reader.text() };
    case "mailbox-delete":
      return { kind, mailbox: reader.number() };
    case "subscribe":
      return { kind, name: reader.text(), subscribed: reader.byte() === 1 };
    case "keyword":
      return { kind, mailbox: reader.number(), name: reader.text() };
    case "append":
      return { kind, mailbox: reader.number(), uid: reader.number(), savedAt: reader.number(), row: readRow(reader), summary: reader.bytes() };
    case "copy": {
      const op = { kind, from: reader.number(), mailbox: reader.number(), uid: reader.number(), savedAt: reader.number(), sources: readAscending(reader) } as const;
      return { ...op, rows: op.sources.map(() => readRow(reader)) };
    }
    case "flags":
      return {
        kind, mailbox: reader.number(), uids: readAscending(reader),
        clear: [reader.number(), reader.number()], set: [reader.number(), reader.number()], unseen: reader.signed(),
      };
    case "expunge":
      return { kind, mailbox: reader.number(), uids: readAscending(reader), count: reader.number(), unseen: reader.number(), bytes: reader.number() };
    case "pack":
      return { kind, pack: reader.number(), name: reader.text(), bytes: reader.number(), moves: readMoves(reader), dropped: readAscending(reader) };
    case "keep":
      return { kind, before: reader.number(), batch: readBatch(reader) };
    case "forget":
      return { kind, before: reader.number(), messages: Array.from({ length: countOf(reader) * 2 }, () => reader.number()) };
    case "close":
    case "mended":
      return { kind };
    default:
      throw new BrokenRecord("an operation of a kind that is not known here");
  }
}
