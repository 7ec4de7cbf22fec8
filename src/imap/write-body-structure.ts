/** BODY and BODYSTRUCTURE (RFC 9051 section 7.5.2). */
import { unreachable } from "../base/assert.ts";
import type { MessagePart, Parameters } from "../message/part.ts";
import { ResponseWriter } from "./response-writer.ts";
import { appendEnvelope } from "./write-envelope.ts";

const PRERENDERED_SLAB_BYTES = 2048;
/** A multipart has at least one part in the grammar. Where there is none, this empty one stands in; BODY[1] of it is NIL. */
const NO_PART = '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0)';
const NO_PART_EXTENDED = '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0 NIL NIL NIL NIL)';

/** The structure as octets for any client; `extended` says whether with extension data: BODYSTRUCTURE has it, BODY has not. */
export function writeBodyStructure(content: Buffer, message: MessagePart, extended: boolean): Buffer {
  const writer = new ResponseWriter({ slabBytes: PRERENDERED_SLAB_BYTES });
  appendPart(writer, { content, extended }, message);
  return Buffer.from(writer.take());
}

interface Wanted {
  readonly content: Buffer;
  readonly extended: boolean;
}

/** As deep as the tree, which the message parser bounds. */
function appendPart(writer: ResponseWriter, wanted: Wanted, part: MessagePart): void {
  writer.byte(0x28);
  switch (part.kind) {
    case "multipart":
      if (part.children.length === 0) writer.ascii(wanted.extended ? NO_PART_EXTENDED : NO_PART);
      for (const child of part.children) appendPart(writer, wanted, child);
      latin1(writer.space(), part.contentType.subtype);
      if (wanted.extended) {
        parameters(writer.space(), part.contentType);
        fieldsOfAnyPart(writer, part);
      }
      break;
    case "message":
      basicFields(writer, part, part.contentType.type, part.contentType.subtype);
      appendMessage(writer.space(), wanted, part);
      if (wanted.extended) fieldsOfOnePart(writer, part);
      break;
    case "leaf": {
      const { type, subtype } = mediaTypeOfLeaf(part);
      basicFields(writer, part, type, subtype);
      if (type === "text") writer.space().number(part.lines);
      if (wanted.extended) fieldsOfOnePart(writer, part);
      break;
    }
    default:
      unreachable(part.kind);
  }
  writer.byte(0x29);
}

/** The envelope, structure and lines that message/rfc822 has more than other types. */
function appendMessage(writer: ResponseWriter, wanted: Wanted, part: MessagePart): void {
  const inner = part.message;
  if (inner === null) {
    writer.ascii(`(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) ${wanted.extended ? NO_PART_EXTENDED : NO_PART} `).number(part.lines);
    return;
  }
  appendEnvelope(writer, wanted.content, inner);
  appendPart(writer.space(), wanted, inner);
  writer.space().number(part.lines);
}

/**
 * A leaf that calls itself multipart or message could not be looked into, and a client that sees such a type expects parts
 * or an envelope: it is shown as plain text, or where it is encoded or nested too deep as octets.
 */
function mediaTypeOfLeaf(part: MessagePart): { readonly type: string; readonly subtype: string } {
  const { type, subtype } = part.contentType;
  if (type === "multipart") return part.limit === null ? { type: "text", subtype: "plain" } : { type: "application", subtype: "octet-stream" };
  if (type === "message" && (subtype === "rfc822" || subtype === "global")) return { type: "application", subtype: "octet-stream" };
  return { type, subtype };
}

/** body-fields and the type before them. */
function basicFields(writer: ResponseWriter, part: MessagePart, type: string, subtype: string): void {
  latin1(writer, type).space();
  latin1(writer, subtype).space();
  if (type === "text" && !part.contentTypeDeclared && part.contentType.wireParams.length === 0) writer.ascii('("charset" "us-ascii")');
  else parameters(writer, part.contentType);
  nullable(writer.space(), part.contentId);
  nullable(writer.space(), part.description);
  latin1(writer.space(), part.encoding === "" ? "7bit" : part.encoding);
  writer.space().number(part.octets);
}

/** body-ext-1part. */
function fieldsOfOnePart(writer: ResponseWriter, part: MessagePart): void {
  nullable(writer.space(), part.md5);
  fieldsOfAnyPart(writer, part);
}

/** Disposition, language and location end the extension data of every part. */
function fieldsOfAnyPart(writer: ResponseWriter, part: MessagePart): void {
  writer.space();
  if (part.disposition === null) {
    writer.ascii("NIL");
  } else {
    latin1(writer.byte(0x28), part.disposition.type);
    parameters(writer.space(), part.disposition);
    writer.byte(0x29);
  }
  writer.space();
  const languages = part.language ?? [];
  if (languages.length === 0) writer.ascii("NIL");
  else if (languages.length === 1) latin1(writer, languages[0]!);
  else {
    writer.byte(0x28);
    languages.forEach((language, i) => latin1(i === 0 ? writer : writer.space(), language));
    writer.byte(0x29);
  }
  nullable(writer.space(), part.location);
}

/** In the order written: clients rely on RFC 2231 names as they are. */
function parameters(writer: ResponseWriter, { wireParams }: Parameters): ResponseWriter {
  if (wireParams.length === 0) return writer.ascii("NIL");
  writer.byte(0x28);
  wireParams.forEach(([name, value], i) => {
    latin1(i === 0 ? writer : writer.space(), name);
    latin1(writer.space(), value);
  });
  return writer.byte(0x29);
}

function nullable(writer: ResponseWriter, text: string | null): ResponseWriter {
  return text === null ? writer.ascii("NIL") : latin1(writer, text);
}
/** The tree has octets as latin1; they go back as they came. */
function latin1(writer: ResponseWriter, text: string): ResponseWriter {
  return writer.octetString(Buffer.from(text, "latin1"));
}
