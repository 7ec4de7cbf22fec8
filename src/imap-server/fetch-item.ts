/** The items of a FETCH response (RFC 9051 section 7.5.2). */
import type { Columns } from "../account/columns.ts";
import type { Mailbox } from "../account/mailbox.ts";
import { bodyStructureOfSummary, envelopeOfSummary } from "../account/summary.ts";
import { assert, unreachable } from "../base/assert.ts";
import type { FetchItem, Section } from "../imap/command.ts";
import { writeDateTime } from "../imap/date-time.ts";
import type { ResponseWriter } from "../imap/response-writer.ts";
import { binaryOctets, partialOctets, sectionOctets, writeBinaryName, writeSectionName } from "../imap/section.ts";
import { writeBodyStructure } from "../imap/write-body-structure.ts";
import { parseMessage } from "../message/message.ts";
import type { MessagePart } from "../message/part.ts";
import type { Selected } from "./selected.ts";

export interface FetchedRow {
  readonly selected: Selected;
  readonly mailbox: Mailbox;
  readonly columns: Columns;
  readonly row: number;
  /** The message, where an item needs it. */
  readonly content: Buffer | null;
  /** Its tree, made at the first item that needs it. */
  part?: MessagePart;
}

const WHOLE: Section = { part: [], text: { kind: "whole" } };
const HEADER: Section = { part: [], text: { kind: "header" } };
const TEXT: Section = { part: [], text: { kind: "text" } };

export function needsSummary(item: FetchItem): boolean {
  return item.kind === "envelope" || item.kind === "bodystructure";
}
export function needsContent(item: FetchItem): boolean {
  switch (item.kind) {
    case "envelope": case "flags": case "internaldate": case "uid": case "modseq": case "bodystructure": case "rfc822.size":
      return false;
    default:
      return true;
  }
}
export function setsSeen(item: FetchItem): boolean {
  if (item.kind === "section" || item.kind === "binary") return !item.peek;
  return item.kind === "rfc822" || item.kind === "rfc822.text";
}

/** False when the part's transfer encoding is not known (RFC 3516 section 4.3); NIL was written then. */
export function writeItem(writer: ResponseWriter, item: FetchItem, fetched: FetchedRow): boolean {
  const { selected, mailbox, columns, row } = fetched;
  switch (item.kind) {
    case "uid":
      writer.ascii("UID ").number(columns.uid[row]!);
      return true;
    case "flags":
      writer.ascii("FLAGS ").bytes(selected.flagsText(mailbox, columns, row));
      return true;
    case "internaldate":
      writeDateTime(writer.ascii("INTERNALDATE "), columns.internalDate[row]!);
      return true;
    case "rfc822.size":
      writer.ascii("RFC822.SIZE ").number(columns.size[row]!);
      return true;
    case "modseq":
      writer.ascii("MODSEQ (").number(columns.modseq[row]!).byte(0x29);
      return true;
    case "envelope":
      writer.ascii("ENVELOPE ").bytes(envelopeOfSummary(summaryAt(fetched)));
      return true;
    case "bodystructure":
      writer.ascii("BODYSTRUCTURE ").bytes(bodyStructureOfSummary(summaryAt(fetched)));
      return true;
    default:
      return writeContentItem(writer, item, fetched);
  }
}
function summaryAt(fetched: FetchedRow): Buffer {
  const summary = fetched.mailbox.summaries.get(fetched.columns, fetched.row);
  assert(summary !== null, "summaries are loaded before they are written");
  return summary;
}

type ContentItem = Extract<FetchItem, { kind: "body" | "rfc822" | "rfc822.header" | "rfc822.text" | "section" | "binary" | "binary.size" }>;

function writeContentItem(writer: ResponseWriter, item: FetchItem, fetched: FetchedRow): boolean {
  const { content } = fetched;
  assert(content !== null, "the message is read before its octets are written");
  switch (item.kind) {
    case "body":
      writer.ascii("BODY ").bytes(writeBodyStructure(content, partOf(fetched), false));
      return true;
    case "rfc822":
      writer.ascii("RFC822 ").literal(content);
      return true;
    case "rfc822.header":
      writer.ascii("RFC822.HEADER ").literal(sectionOctets(content, partOf(fetched), HEADER)!);
      return true;
    case "rfc822.text":
      // A literal, as for BODY[]: a string would lose a NUL.
      writer.ascii("RFC822.TEXT ").literal(sectionOctets(content, partOf(fetched), TEXT)!);
      return true;
    case "section": {
      writeSectionName(writer, item.section, item.partial).space();
      const octets = isWhole(item.section) ? content : sectionOctets(content, partOf(fetched), item.section);
      // Binary octets in a message that came with NULs go as they are: every octet of the message comes back.
      if (octets === null) writer.ascii("NIL");
      else writer.literal(partialOctets(octets, item.partial));
      return true;
    }
    case "binary": case "binary.size":
      return writeBinary(writer, item, content, fetched);
    case "uid": case "flags": case "internaldate": case "rfc822.size": case "modseq": case "envelope": case "bodystructure":
      return unreachable(item as never);
    default:
      return unreachable(item satisfies never as never);
  }
}
function writeBinary(writer: ResponseWriter, item: Extract<ContentItem, { kind: "binary" | "binary.size" }>, content: Buffer, fetched: FetchedRow): boolean {
  const found = binaryOctets(content, partOf(fetched), item.part);
  const partial = item.kind === "binary" ? item.partial : null;
  writeBinaryName(writer, { part: item.part, size: item.kind === "binary.size", partial }).space();
  if (found.kind !== "octets") {
    writer.ascii(item.kind === "binary" ? "NIL" : "0");
    return found.kind === "absent";
  }
  if (item.kind === "binary.size") writer.number(found.octets.length);
  else if (found.octets.includes(0)) writer.literal8(partialOctets(found.octets, partial));
  else writer.literal(partialOctets(found.octets, partial));
  return true;
}
function isWhole(section: Section): boolean {
  return section.part.length === 0 && section.text.kind === WHOLE.text.kind;
}
function partOf(fetched: FetchedRow): MessagePart {
  return (fetched.part ??= parseMessage(fetched.content!));
}
