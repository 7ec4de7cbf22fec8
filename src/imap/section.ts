/** The octets that BODY[...] and BINARY[...] name (RFC 9051 section 6.4.5.1, RFC 3516). */
import { unreachable } from "../base/assert.ts";
import { headerBlock, selectHeaderFields } from "../message/header-fields.ts";
import type { MessagePart, Span } from "../message/part.ts";
import { decodeTransferEncoding } from "../message/transfer-encoding.ts";
import type { Partial, Section } from "./command.ts";
import type { ResponseWriter } from "./response-writer.ts";

/**
 * The octets of a section, in the content's own memory wherever they stand there in one piece. Null, to be answered NIL,
 * when the message has no such part, or the part is no message and so has no HEADER or TEXT.
 */
export function sectionOctets(content: Buffer, message: MessagePart, section: Section): Buffer | null {
  const { part: numbers, text } = section;
  const part = numbers.length === 0 ? message : partAt(message, numbers);
  if (part === null) return null;
  if (text.kind === "whole") return numbers.length === 0 ? content : spanOf(content, part.body);
  if (text.kind === "mime") return headerBlock(content, part);
  // RFC 9051 section 6.4.5.1: these speak of the message itself, or of the one inside a message/rfc822 part.
  const entity = numbers.length === 0 ? part : part.message;
  if (entity === null) return null;
  switch (text.kind) {
    case "header":
      return headerBlock(content, entity);
    case "text":
      return spanOf(content, entity.body);
    case "header.fields":
      return selectHeaderFields(content, entity, new Set(text.names.map((name) => name.toLowerCase())), text.not);
    default:
      return unreachable(text);
  }
}

/** The part that numbers such as 1.2 name; null when there is none. */
export function partAt(message: MessagePart, numbers: readonly number[]): MessagePart | null {
  let here = message;
  let isMessage = true;
  for (const number of numbers) {
    if (!isMessage && here.kind === "message") {
      if (here.message === null) return null;
      here = here.message;
      isMessage = true;
    }
    if (here.kind === "multipart") {
      const child = here.children[number - 1];
      if (child === undefined) return null;
      here = child;
    } else if (!isMessage || number !== 1) {
      return null;
    }
    // A message that is no multipart is its own part 1: the same node, now seen as a part.
    isMessage = false;
  }
  return here;
}

function spanOf(content: Buffer, span: Span): Buffer {
  return content.subarray(span.start, span.end);
}

/** What of the octets a partial fetch gives; past their end it is empty. */
export function partialOctets(octets: Buffer, partial: Partial | null): Buffer {
  return partial === null ? octets : octets.subarray(Math.min(partial.offset, octets.length), Math.min(partial.offset + partial.count, octets.length));
}

const KNOWN_ENCODINGS: ReadonlySet<string> = new Set(["7bit", "8bit", "binary", "base64", "quoted-printable", "x-uuencode", "x-uue", "uuencode", ""]);

export type BinaryOctets =
  | { readonly kind: "octets"; readonly octets: Buffer }
  /** Answered NIL. */
  | { readonly kind: "absent" }
  /** Answered NO [UNKNOWN-CTE] (RFC 3516 section 4.3). */
  | { readonly kind: "unknown-encoding" };

/** The part with its transfer encoding undone; multiparts, messages and the whole message as they are. */
export function binaryOctets(content: Buffer, message: MessagePart, numbers: readonly number[]): BinaryOctets {
  if (numbers.length === 0) return { kind: "octets", octets: content };
  const part = partAt(message, numbers);
  if (part === null) return { kind: "absent" };
  const octets = spanOf(content, part.body);
  if (part.kind !== "leaf") return { kind: "octets", octets };
  if (!KNOWN_ENCODINGS.has(part.encoding)) return { kind: "unknown-encoding" };
  return { kind: "octets", octets: decodeTransferEncoding(octets, part.encoding) };
}

/** `BODY[1.HEADER.FIELDS (Date)]<0>`: a section as the answer names it. */
export function writeSectionName(writer: ResponseWriter, section: Section, partial: Partial | null): ResponseWriter {
  writer.ascii("BODY[");
  partNumbers(writer, section.part);
  const { text } = section;
  if (text.kind !== "whole") {
    if (section.part.length > 0) writer.byte(0x2e);
    if (text.kind === "header.fields") {
      writer.ascii(text.not ? "HEADER.FIELDS.NOT (" : "HEADER.FIELDS (");
      text.names.forEach((name, i) => (i === 0 ? writer : writer.space()).astring(name));
      writer.byte(0x29);
    } else {
      writer.ascii(text.kind.toUpperCase());
    }
  }
  return origin(writer.byte(0x5d), partial);
}
/** `BINARY[1]<0>`, or with `size` `BINARY.SIZE[1]`. */
export function writeBinaryName(writer: ResponseWriter, item: { readonly part: readonly number[]; readonly size: boolean; readonly partial: Partial | null }): ResponseWriter {
  writer.ascii(item.size ? "BINARY.SIZE[" : "BINARY[");
  return origin(partNumbers(writer, item.part).byte(0x5d), item.partial);
}
function partNumbers(writer: ResponseWriter, numbers: readonly number[]): ResponseWriter {
  numbers.forEach((number, i) => (i === 0 ? writer : writer.byte(0x2e)).number(number));
  return writer;
}
function origin(writer: ResponseWriter, partial: Partial | null): ResponseWriter {
  return partial === null ? writer : writer.byte(0x3c).number(partial.offset).byte(0x3e);
}
