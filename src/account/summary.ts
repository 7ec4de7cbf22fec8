/**
 * The summary of a message: its IMAP ENVELOPE and BODYSTRUCTURE as they go over the wire, made once when it arrives.
 * Summaries lie one after the other in an arena, so that a FETCH over ten thousand messages copies octets and parses nothing.
 */
import { asBuffer, EMPTY } from "../base/bytes.ts";
import { writeBodyStructure } from "../imap/write-body-structure.ts";
import { writeEnvelope } from "../imap/write-envelope.ts";
import { parseMessage } from "../message/message.ts";
import type { MessagePart } from "../message/part.ts";
import type { Columns } from "./columns.ts";

/** length of the envelope (4, LE) | envelope | body structure */
export function summaryOf(content: Buffer, part: MessagePart = parseMessage(content)): Buffer {
  const envelope = writeEnvelope(content, part);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(envelope.length);
  return Buffer.concat([length, envelope, writeBodyStructure(content, part, true)]);
}
export function envelopeOfSummary(summary: Buffer): Buffer {
  return summary.subarray(4, 4 + summary.readUInt32LE(0));
}
export function bodyStructureOfSummary(summary: Buffer): Buffer {
  return summary.subarray(4 + summary.readUInt32LE(0));
}

export class SummaryArena {
  #bytes: Buffer = EMPTY;
  #used = 0;

  get memoryBytes(): number {
    return this.#bytes.length;
  }
  put(columns: Columns, at: number, summary: Uint8Array): void {
    if (this.#used + summary.byteLength > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(16 * 1024, this.#bytes.length * 2, this.#used + summary.byteLength));
      this.#bytes.copy(grown, 0, 0, this.#used);
      this.#bytes = grown;
    }
    this.#bytes.set(summary, this.#used);
    columns.summaryOffset[at] = this.#used;
    columns.summaryLength[at] = summary.byteLength;
    this.#used += summary.byteLength;
  }
  /** A view, valid until the arena is dropped; null when this row's summary is not loaded. */
  get(columns: Columns, at: number): Buffer | null {
    const length = columns.summaryLength[at]!;
    return length === 0 ? null : this.#bytes.subarray(columns.summaryOffset[at]!, columns.summaryOffset[at]! + length);
  }
  drop(columns: Columns | null): void {
    this.#bytes = EMPTY;
    this.#used = 0;
    columns?.summaryLength.fill(0);
  }
}

/** Summaries of a snapshot: uid (4, LE) | length (4, LE) | summary, one after the other. */
export function encodeSummaries(columns: Columns, arena: SummaryArena, from: number, to: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = from; at < to; at++) {
    const summary = arena.get(columns, at);
    if (summary === null) continue;
    const head = Buffer.alloc(8);
    head.writeUInt32LE(columns.uid[at]!, 0);
    head.writeUInt32LE(summary.length, 4);
    parts.push(head, summary);
  }
  return Buffer.concat(parts);
}
/** Fills in what is not loaded yet. Summaries of messages that are gone are passed over. */
export function loadSummaries(columns: Columns, arena: SummaryArena, bytes: Uint8Array): void {
  const buffer = asBuffer(bytes);
  let at = 0;
  while (at + 8 <= buffer.length) {
    const uid = buffer.readUInt32LE(at);
    const length = buffer.readUInt32LE(at + 4);
    const row = columns.rowOf(uid);
    if (row >= 0 && columns.summaryLength[row] === 0) arena.put(columns, row, buffer.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
}
