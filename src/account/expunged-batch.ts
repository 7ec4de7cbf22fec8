/** Messages that one operation removed, as the operation carries them and as the account keeps them. */
import { BinaryReader, BinaryWriter, BrokenRecord } from "../base/binary.ts";
import type { BodyPlace } from "./columns.ts";

/** Rows that an account keeps, and that one operation does: about 20 octets each. Beyond, the oldest go first. */
export const EXPUNGED_ROWS_MAX = 100_000;

/** Messages that one operation removed from one mailbox. */
export interface ExpungedBatch {
  readonly mailbox: number;
  /** The mailbox's name at that time. */
  readonly name: string;
  /** Milliseconds since the epoch, by the clock of who removed them. */
  readonly at: number;
  /** The mailbox's keywords, where a row has any. */
  readonly keywords: readonly string[];
  readonly count: number;
  /** As `encodeExpungedRows` writes them. */
  readonly rows: Buffer;
}
export interface ExpungedRow {
  readonly uid: number;
  readonly low: number;
  readonly high: number;
  readonly internalDate: number;
  readonly size: number;
  readonly body: BodyPlace;
}
/** Column after column, differences to the row before: neighbours are alike, and what is alike compresses. */
export function encodeExpungedRows(rows: readonly ExpungedRow[]): Buffer {
  const writer = new BinaryWriter(32 + rows.length * 20);
  const differences = (value: (row: ExpungedRow) => number): void => {
    let previous = 0;
    for (const row of rows) {
      writer.signed(value(row) - previous);
      previous = value(row);
    }
  };
  differences((row) => row.uid);
  differences((row) => row.internalDate);
  differences((row) => row.body.seq);
  for (const row of rows) writer.number(row.low);
  for (const row of rows) writer.number(row.high);
  for (const row of rows) writer.number(row.size);
  for (const row of rows) writer.number(row.body.offset);
  for (const row of rows) writer.number(row.body.length);
  const named = rows.flatMap((row, i) => (row.body.object === null ? [] : [[i, row.body.object] as const]));
  writer.number(named.length);
  for (const [i, object] of named) writer.number(i).text(object);
  return writer.finish();
}
/** May throw BrokenRecord. */
export function decodeExpungedRows({ count, rows }: Pick<ExpungedBatch, "count" | "rows">): readonly ExpungedRow[] {
  const reader = new BinaryReader(rows);
  const column = (next: () => number): number[] => Array.from({ length: count }, next);
  const differences = (): number[] => {
    let value = 0;
    return column(() => (value += reader.signed()));
  };
  const [uid, internalDate, seq] = [differences(), differences(), differences()];
  const numbers = (): number[] => column(() => reader.number());
  const [low, high, size, offset, length] = [numbers(), numbers(), numbers(), numbers(), numbers()];
  const objects = new Map<number, string>();
  for (let left = reader.number(); left > 0; left--) objects.set(reader.number(), reader.text());
  return column(() => 0).map((_, i) => ({
    uid: uid[i]!, low: low[i]!, high: high[i]!, internalDate: internalDate[i]!, size: size[i]!,
    body: { seq: seq[i]!, offset: offset[i]!, length: length[i]!, object: objects.get(i) ?? null },
  }));
}

export function writeBatch(writer: BinaryWriter, batch: ExpungedBatch): void {
  writer.number(batch.mailbox).text(batch.name).number(batch.at).number(batch.keywords.length);
  for (const keyword of batch.keywords) writer.text(keyword);
  writer.number(batch.count).bytes(batch.rows);
}
/** May throw BrokenRecord: `apply` opens the rows later, and must not fail. */
export function readBatch(reader: BinaryReader): ExpungedBatch {
  const facts = { mailbox: reader.number(), name: reader.text(), at: reader.number() };
  const keywords: string[] = [];
  for (let left = reader.number(); left > 0; left--) keywords.push(reader.text());
  const batch = { ...facts, keywords, count: reader.number(), rows: reader.bytes() };
  if (batch.count > EXPUNGED_ROWS_MAX) throw new BrokenRecord("too many expunged messages");
  decodeExpungedRows(batch);
  return batch;
}
