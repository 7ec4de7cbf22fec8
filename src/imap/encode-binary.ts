/**
 * A message that was appended as a literal8 may hold NUL (RFC 3516 section 4.4), which no FETCH of BODY[...] can carry
 * (RFC 9051 section 4.3.1). So its binary parts get the base64 that a sender without BINARY would have given them; BINARY[...]
 * undoes it again.
 */
import { parseMessage } from "../message/message.ts";
import type { MessagePart } from "../message/part.ts";

const UNENCODED: ReadonlySet<string> = new Set(["7bit", "8bit", "binary", ""]);
const LINE_CHARACTERS = 76;

/** Octets that come in place of others. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly octets: string;
}

/** The same message without NUL. Null where one stands in a header, between parts, or in a part that is said to be encoded. */
export function encodeBinaryParts(content: Buffer): Buffer | null {
  if (!content.includes(0)) return content;
  const message = parseMessage(content);
  const edits: Edit[] = [];
  encode(content, message, edits);
  const hasVersion = message.fields.some((field) => field.nameLower === "mime-version");
  // First of all, also where the body has no header and gets one.
  if (!hasVersion) edits.unshift({ start: message.header.start, end: message.header.start, octets: "MIME-Version: 1.0\r\n" });
  const encoded = apply(content, edits);
  return encoded.includes(0) ? null : encoded;
}

function encode(content: Buffer, part: MessagePart, edits: Edit[]): void {
  if (part.kind === "multipart") for (const child of part.children) encode(content, child, edits);
  else if (part.kind === "message" && part.message !== null) encode(content, part.message, edits);
  else if (UNENCODED.has(part.encoding) && content.subarray(part.body.start, part.body.end).includes(0)) {
    let fieldsEnd = part.header.start;
    for (const field of part.fields) {
      fieldsEnd = field.end;
      if (field.nameLower === "content-transfer-encoding") edits.push({ start: field.start, end: field.end, octets: "" });
    }
    // Where there is no header at all, the empty line that begins the body is missing too.
    const emptyLine = fieldsEnd === part.body.start ? "\r\n" : "";
    edits.push({ start: fieldsEnd, end: fieldsEnd, octets: `Content-Transfer-Encoding: base64\r\n${emptyLine}` });
    edits.push({ start: part.body.start, end: part.body.end, octets: base64Lines(content.subarray(part.body.start, part.body.end)) });
  }
}
function base64Lines(octets: Buffer): string {
  const text = octets.toString("base64");
  const lines: string[] = [];
  for (let at = 0; at < text.length; at += LINE_CHARACTERS) lines.push(text.slice(at, at + LINE_CHARACTERS));
  return lines.join("\r\n");
}

function apply(content: Buffer, edits: readonly Edit[]): Buffer {
  const pieces: Buffer[] = [];
  let at = 0;
  for (const { start, end, octets } of [...edits].sort((a, b) => a.start - b.start || a.end - b.end)) {
    pieces.push(content.subarray(at, start), Buffer.from(octets, "latin1"));
    at = end;
  }
  return Buffer.concat([...pieces, content.subarray(at)]);
}
