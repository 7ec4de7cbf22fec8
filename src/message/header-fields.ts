/** Fields of a part by name, as text and as octets. */
import { ascii } from "../base/bytes.ts";
import { decodeRawText } from "./charset.ts";
import { fieldOctetsMax } from "./limits.ts";
import { LF, emptyLineAt, trimBlanks } from "./octets.ts";
import type { Field, MessagePart } from "./part.ts";

const CRLF = ascii("\r\n");

/** The fields of that name (any case), in order. */
export function fieldsNamed(part: MessagePart, name: string): readonly Field[] {
  const nameLower = name.toLowerCase();
  return part.fields.filter((field) => field.nameLower === nameLower);
}

/** The value without folds (RFC 5322 section 2.2.3) and outer blanks; encoded words stay. Raw octets: see `decodeRawText`. */
export function fieldValue(content: Buffer, field: Field): string {
  const text = decodeRawText(content.subarray(field.valueStart, Math.min(field.valueEnd, field.valueStart + fieldOctetsMax)));
  return trimBlanks(text.includes("\n") ? text.replace(/\r?\n/g, "") : text);
}

/** The first field of that name as `fieldValue` gives it; null when there is none. */
export function headerField(content: Buffer, part: MessagePart, name: string): string | null {
  const nameLower = name.toLowerCase();
  const field = part.fields.find((other) => other.nameLower === nameLower);
  return field === undefined ? null : fieldValue(content, field);
}

/**
 * The header as IMAP's BODY[HEADER] and BODY[n.MIME] have it: ended by an empty line, but for a message that has neither one nor a
 * body (RFC 9051 section 6.4.5.1).
 */
export function headerBlock(content: Buffer, part: MessagePart): Buffer {
  const { start, end } = part.header;
  const octets = content.subarray(start, end);
  if (part.body.start === part.body.end || endsWithEmptyLine(content, start, end)) return octets;
  return octets.length === 0 || octets.at(-1) === LF ? Buffer.concat([octets, CRLF]) : Buffer.concat([octets, CRLF, CRLF]);
}

function endsWithEmptyLine(content: Buffer, start: number, end: number): boolean {
  for (const length of [1, 2]) {
    const at = end - length;
    if (at >= start && emptyLineAt(content, at, end) === length && (at === start || content[at - 1] === LF)) return true;
  }
  return false;
}

/**
 * BODY[HEADER.FIELDS (...)] and, with `not`, HEADER.FIELDS.NOT (RFC 9051 section 6.4.5.1): raw fields in their order and the
 * final CRLF. `names` in lower case.
 */
export function selectHeaderFields(content: Buffer, part: MessagePart, names: ReadonlySet<string>, not: boolean): Buffer {
  const pieces: Buffer[] = [];
  for (const field of part.fields) {
    if (names.has(field.nameLower) === not) continue;
    pieces.push(content.subarray(field.start, field.end));
    // The last field of a header without an empty line can lack its line end.
    if (content[field.end - 1] !== LF) pieces.push(CRLF);
  }
  pieces.push(CRLF);
  return Buffer.concat(pieces);
}
