/**
 * The messages of one mailbox as typed arrays in ascending order of UID: a million messages are a few arrays, not a
 * million objects. A row is an index into them and is valid only until the next change.
 */
import { assert } from "../base/assert.ts";
import { FLAG } from "./flags.ts";

/** Where a message's octets are: inside an entry, inside a pack (`seq` is minus its number), or in an object of their own (`object` is its name). */
export interface BodyPlace {
  readonly seq: number;
  readonly offset: number;
  readonly length: number;
  readonly object: string | null;
}
export interface Row {
  readonly uid: number;
  readonly modseq: number;
  readonly low: number;
  readonly high: number;
  /** Milliseconds since the epoch. */
  readonly internalDate: number;
  readonly saveDate: number;
  /** RFC822.SIZE. */
  readonly size: number;
  readonly body: BodyPlace;
}

const NUMBER_COLUMNS = ["uid", "low", "high", "size", "bodyOffset", "bodyLength", "summaryOffset", "summaryLength"] as const;
const DOUBLE_COLUMNS = ["modseq", "internalDate", "saveDate", "bodySeq"] as const;
/** The columns of a snapshot: summaries have objects of their own. */
const STORED_NUMBERS = ["uid", "low", "high", "size", "bodyOffset", "bodyLength"] as const;
const INITIAL_ROWS = 64;

export class Columns {
  count = 0;
  uid = new Uint32Array(INITIAL_ROWS);
  low = new Uint32Array(INITIAL_ROWS);
  high = new Uint32Array(INITIAL_ROWS);
  size = new Uint32Array(INITIAL_ROWS);
  bodyOffset = new Uint32Array(INITIAL_ROWS);
  bodyLength = new Uint32Array(INITIAL_ROWS);
  summaryOffset = new Uint32Array(INITIAL_ROWS);
  summaryLength = new Uint32Array(INITIAL_ROWS);
  modseq = new Float64Array(INITIAL_ROWS);
  internalDate = new Float64Array(INITIAL_ROWS);
  saveDate = new Float64Array(INITIAL_ROWS);
  bodySeq = new Float64Array(INITIAL_ROWS);
  /** Names of large bodies, by UID: few messages have one. */
  readonly objects = new Map<number, string>();

  /** Octets held. */
  get memoryBytes(): number {
    return this.uid.length * (NUMBER_COLUMNS.length * 4 + DOUBLE_COLUMNS.length * 8) + this.objects.size * 100;
  }
  #reserve(rows: number): void {
    if (rows <= this.uid.length) return;
    const capacity = Math.max(rows, Math.ceil(this.uid.length * 1.5));
    for (const name of NUMBER_COLUMNS) {
      const grown = new Uint32Array(capacity);
      grown.set(this[name].subarray(0, this.count));
      this[name] = grown;
    }
    for (const name of DOUBLE_COLUMNS) {
      const grown = new Float64Array(capacity);
      grown.set(this[name].subarray(0, this.count));
      this[name] = grown;
    }
  }
  append(row: Row): void {
    assert(this.count === 0 || row.uid > this.uid[this.count - 1]!, "UIDs rise");
    this.#reserve(this.count + 1);
    const at = this.count++;
    this.uid[at] = row.uid;
    this.modseq[at] = row.modseq;
    this.low[at] = row.low;
    this.high[at] = row.high;
    this.internalDate[at] = row.internalDate;
    this.saveDate[at] = row.saveDate;
    this.size[at] = row.size;
    this.bodySeq[at] = row.body.seq;
    this.bodyOffset[at] = row.body.offset;
    this.bodyLength[at] = row.body.length;
    this.summaryLength[at] = 0;
    if (row.body.object !== null) this.objects.set(row.uid, row.body.object);
  }
  row(at: number): Row {
    return {
      uid: this.uid[at]!, modseq: this.modseq[at]!, low: this.low[at]!, high: this.high[at]!,
      internalDate: this.internalDate[at]!, saveDate: this.saveDate[at]!, size: this.size[at]!, body: this.bodyAt(at),
    };
  }
  bodyAt(at: number): BodyPlace {
    return { seq: this.bodySeq[at]!, offset: this.bodyOffset[at]!, length: this.bodyLength[at]!, object: this.objects.get(this.uid[at]!) ?? null };
  }
  /** The first row whose UID is at least `uid`; `count` where there is none. */
  lowerBound(uid: number): number {
    let from = 0;
    let to = this.count;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (this.uid[middle]! < uid) from = middle + 1;
      else to = middle;
    }
    return from;
  }
  /** The row of this UID, or -1. */
  rowOf(uid: number): number {
    const at = this.lowerBound(uid);
    return at < this.count && this.uid[at] === uid ? at : -1;
  }
  /** Calls back for every row whose UID lies in one of the ascending, disjoint ranges [first, last, first, last, …]. */
  forRanges(ranges: ArrayLike<number>, fn: (at: number) => void): void {
    for (let i = 0; i < ranges.length; i += 2) {
      const last = ranges[i + 1]!;
      for (let at = this.lowerBound(ranges[i]!); at < this.count && this.uid[at]! <= last; at++) fn(at);
    }
  }
  /** Removes the rows of these UID ranges, keeping the order of the others. */
  removeRanges(ranges: ArrayLike<number>): void {
    let to = ranges.length === 0 ? this.count : this.lowerBound(ranges[0]!);
    let range = 0;
    for (let at = to; at < this.count; at++) {
      const uid = this.uid[at]!;
      while (range < ranges.length && ranges[range + 1]! < uid) range += 2;
      if (range < ranges.length && ranges[range]! <= uid) {
        this.objects.delete(uid);
        continue;
      }
      if (to !== at) {
        for (const name of NUMBER_COLUMNS) this[name][to] = this[name][at]!;
        for (const name of DOUBLE_COLUMNS) this[name][to] = this[name][at]!;
      }
      to += 1;
    }
    this.count = to;
  }
  unseen(): number {
    let unseen = 0;
    for (let at = 0; at < this.count; at++) if ((this.low[at]! & FLAG.seen) === 0) unseen += 1;
    return unseen;
  }
  /** The rows [from, to) as octets, little-endian columns one after the other. */
  encode(from: number, to: number): Buffer {
    const parts: Buffer[] = [Buffer.alloc(4)];
    parts[0]!.writeUInt32LE(to - from);
    for (const name of STORED_NUMBERS) parts.push(viewOf(this[name].subarray(from, to)));
    for (const name of DOUBLE_COLUMNS) parts.push(viewOf(this[name].subarray(from, to)));
    const named: [number, string][] = [];
    for (let at = from; at < to; at++) {
      const object = this.objects.get(this.uid[at]!);
      if (object !== undefined) named.push([this.uid[at]!, object]);
    }
    parts.push(Buffer.from(JSON.stringify(named), "utf8"));
    return Buffer.concat(parts);
  }
  /** Adds encoded rows behind those that are here. False when the octets are no rows. */
  appendEncoded(bytes: Buffer): boolean {
    if (bytes.length < 4) return false;
    const rows = bytes.readUInt32LE(0);
    const width = STORED_NUMBERS.length * 4 + DOUBLE_COLUMNS.length * 8;
    if (bytes.length < 4 + rows * width) return false;
    this.#reserve(this.count + rows);
    let at = 4;
    for (const name of STORED_NUMBERS) {
      this[name].set(new Uint32Array(aligned(bytes, at, rows * 4)), this.count);
      at += rows * 4;
    }
    for (const name of DOUBLE_COLUMNS) {
      this[name].set(new Float64Array(aligned(bytes, at, rows * 8)), this.count);
      at += rows * 8;
    }
    this.summaryLength.fill(0, this.count, this.count + rows);
    for (const [uid, object] of JSON.parse(bytes.toString("utf8", at)) as [number, string][]) this.objects.set(uid, object);
    this.count += rows;
    return true;
  }
}

function viewOf(array: Uint32Array | Float64Array): Buffer {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength);
}
/** Typed arrays need their offset aligned: the octets in a buffer of their own. */
function aligned(bytes: Buffer, at: number, length: number): ArrayBuffer {
  const copy = new ArrayBuffer(length);
  bytes.copy(new Uint8Array(copy), 0, at, at + length);
  return copy;
}

/** Ranges [first, last, …] over the rows that are listed in ascending order; neighbours in the mailbox share a range. */
export class RangeBuilder {
  readonly #ranges: number[] = [];
  readonly #columns: Columns;
  #lastRow = -2;

  constructor(columns: Columns) {
    this.#columns = columns;
  }
  add(at: number): void {
    const uid = this.#columns.uid[at]!;
    if (at === this.#lastRow + 1 && this.#ranges.length > 0) this.#ranges[this.#ranges.length - 1] = uid;
    else this.#ranges.push(uid, uid);
    this.#lastRow = at;
  }
  get ranges(): readonly number[] {
    return this.#ranges;
  }
}
