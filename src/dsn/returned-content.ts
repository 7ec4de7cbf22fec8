/** What is returned of a message in a report about it. */
import { EMPTY } from "../base/bytes.ts";
import { LineEnds } from "../smtp/data.ts";
import { LINE_BYTES_MAX, RETURNED_BYTES_MAX, RETURNED_HEADER_BYTES_MAX } from "./limits.ts";

const LF = 10;

/** The header with the CRLF of its last field, cut at a line's end when it is too long; lines that SMTP cannot carry are left out. */
export function headerOf(content: Buffer): Buffer {
  const end = content.indexOf("\r\n\r\n");
  // Content may begin with the empty line: then there is no header.
  if (content.length >= 2 && content[0] === 13 && content[1] === LF) return EMPTY;
  let header = end < 0 ? content : content.subarray(0, end + 2);
  if (header.length > RETURNED_HEADER_BYTES_MAX) {
    const cut = header.lastIndexOf(LF, RETURNED_HEADER_BYTES_MAX - 1);
    header = header.subarray(0, cut + 1);
  }
  return fits(header) ? header : withoutUnfitLines(header);
}

function withoutUnfitLines(header: Buffer): Buffer {
  const lines: Buffer[] = [];
  for (let at = 0; at < header.length; ) {
    const end = header.indexOf("\r\n", at);
    const line = header.subarray(at, end < 0 ? header.length : end + 2);
    if (end >= 0 && fits(line)) lines.push(line);
    at += line.length;
  }
  return Buffer.concat(lines);
}

/** Whether a message can be enclosed as it is: small enough, and nothing in it that needs BINARYMIME. */
export function returnable(content: Buffer): boolean {
  return content.length <= RETURNED_BYTES_MAX && fits(content);
}

/** No NUL, no bare CR or LF, no line that is too long. */
function fits(octets: Buffer): boolean {
  const ends = new LineEnds();
  ends.feed(octets);
  if (!ends.strict || octets.includes(0)) return false;
  for (let at = 0; at < octets.length; ) {
    const end = octets.indexOf(LF, at);
    const next = end < 0 ? octets.length + 2 : end + 1;
    if (next - at > LINE_BYTES_MAX + 2) return false;
    at = next;
  }
  return true;
}

/** The Message-ID, so that the report is shown beside the message it is about; null when there is none to rely on. */
export function messageIdOf(header: Buffer): string | null {
  const match = /(?:^|\r\n)message-id:[ \t]*(?:\r\n[ \t]+)?(<[\x21-\x3b\x3d\x3f-\x7e]{1,240}>)[ \t]*(?:\r\n|$)/i.exec(header.toString("latin1"));
  return match?.[1] ?? null;
}
