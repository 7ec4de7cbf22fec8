/** Lists of tags (RFC 6376 section 3.2): what signatures, seals and key records are written in. */
import { CR, LF, SPACE, TAB } from "../message/octets.ts";
import { tagsMax } from "./limits.ts";

export interface Tag {
  /** Without outer blanks; folds inside stay. */
  readonly value: string;
  /** Where the octets between "=" and ";" start and end in the text, blanks included. */
  readonly start: number;
  readonly end: number;
}
export type TagList = ReadonlyMap<string, Tag>;

const NAME = /^[A-Za-z][A-Za-z0-9_]*$/;

/** Reads from `from` on. Names keep their case. Null when a name stands twice or is none, a "=" is missing, or there are too many. */
export function parseTagList(text: string, from = 0): TagList | null {
  const tags = new Map<string, Tag>();
  let at = from;
  while (at < text.length) {
    const semicolon = text.indexOf(";", at);
    const end = semicolon < 0 ? text.length : semicolon;
    const equals = text.indexOf("=", at);
    if (equals < 0 || equals > end) {
      // Behind the last semicolon there may be blanks only.
      return semicolon < 0 && tags.size > 0 && trimFws(text.slice(at)) === "" ? tags : null;
    }
    const name = trimFws(text.slice(at, equals));
    if (!NAME.test(name) || tags.has(name) || tags.size >= tagsMax) return null;
    tags.set(name, { value: trimFws(text.slice(equals + 1, end)), start: equals + 1, end });
    at = end + 1;
  }
  return tags.size > 0 ? tags : null;
}

export function trimFws(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isFws(text.charCodeAt(start))) start++;
  while (end > start && isFws(text.charCodeAt(end - 1))) end--;
  return start === 0 && end === text.length ? text : text.slice(start, end);
}

/** Blanks of a field whose folds are still there. */
function isFws(code: number): boolean {
  return code === SPACE || code === TAB || code === CR || code === LF;
}

export function withoutFws(text: string): string {
  return text.replace(/[ \t\r\n]+/g, "");
}

/** A list whose items are separated by colons, blanks around them allowed. */
export function colonList(value: string): string[] {
  return value.split(":").map(trimFws);
}

/** base64string (RFC 6376 section 2.10): blanks anywhere. Null when it is not base64 or is empty. */
export function decodeBase64(value: string): Buffer | null {
  const text = withoutFws(value);
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? Buffer.from(text, "base64") : null;
}

/** dkim-quoted-printable (RFC 6376 section 2.11), octets as latin1; null when a "=" is not followed by two upper-case digits. */
export function decodeDkimQuotedPrintable(value: string): string | null {
  const text = withoutFws(value);
  if (/=(?![0-9A-F]{2})/.test(text)) return null;
  return text.replace(/=([0-9A-F]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}

/** What cannot stand in a tag's value becomes "=XX". Takes octets as latin1; octets above 127 stay (RFC 8616 section 3). */
export function encodeDkimQuotedPrintable(octets: string): string {
  return octets.replace(/[\x00-\x20;=|\x7f]/g, (octet) => `=${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
}
