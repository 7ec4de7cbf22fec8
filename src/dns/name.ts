/** Domain names on the wire (RFC 1035 sections 3.1 and 4.1.4) and as text in master-file form (section 5.1), lower case, without the last dot. */
import { LABEL_BYTES_MAX, NAME_BYTES_MAX, POINTERS_MAX } from "./limits.ts";

/** The octets of a name, uncompressed; null when it has an empty or too long label, is too long, or has a character outside US-ASCII. `\.` and `\065` escape. */
export function writeName(text: string): Buffer | null {
  const out = Buffer.alloc(NAME_BYTES_MAX);
  let label = 0;
  let at = 1;
  const end = text.endsWith(".") && !text.endsWith("\\.") ? text.length - 1 : text.length;
  for (let i = 0; i < end; i++) {
    let octet = text.charCodeAt(i);
    if (octet === 46) {
      const length = at - label - 1;
      if (length === 0 || length > LABEL_BYTES_MAX) return null;
      out[label] = length;
      label = at++;
      continue;
    }
    if (octet === 92) {
      const escaped = /^\\(?:([0-9]{3})|([^0-9]))/.exec(text.slice(i, i + 4));
      if (escaped === null) return null;
      octet = escaped[1] === undefined ? text.charCodeAt(i + 1) : Number(escaped[1]);
      if (octet > 255) return null;
      i += escaped[0].length - 1;
    } else if (octet > 126) return null;
    // One octet stays free for the root.
    if (at >= NAME_BYTES_MAX - 1) return null;
    out[at++] = octet;
  }
  const length = at - label - 1;
  if (end === 0) return text.length <= 1 ? Buffer.from([0]) : null;
  if (length === 0 || length > LABEL_BYTES_MAX) return null;
  out[label] = length;
  out[at++] = 0;
  return out.subarray(0, at);
}

export interface NameRead {
  readonly name: string;
  /** Where the message goes on after the name. */
  readonly next: number;
}

/** Reads a name, following compression pointers; null when malformed. Pointers must lead backwards, so that reading ends. */
export function readName(message: Buffer, start: number): NameRead | null {
  let at = start;
  let next = -1;
  let pointers = 0;
  let size = 1;
  let name = "";
  for (;;) {
    const length = message[at];
    if (length === undefined) return null;
    if (length === 0) return { name, next: next < 0 ? at + 1 : next };
    if (length >= 0xc0) {
      const low = message[at + 1];
      if (low === undefined) return null;
      const target = ((length & 0x3f) << 8) | low;
      if (next < 0) next = at + 2;
      if (target >= at || ++pointers > POINTERS_MAX) return null;
      at = target;
      continue;
    }
    // 0x40 and 0x80 are reserved.
    if (length > LABEL_BYTES_MAX || at + 1 + length > message.length) return null;
    size += length + 1;
    if (size > NAME_BYTES_MAX) return null;
    const label = labelText(message, at + 1, at + 1 + length);
    name = name === "" ? label : `${name}.${label}`;
    at += length + 1;
  }
}

const PLAIN = /^[!-,/-[\]-~-]*$/;
function labelText(message: Buffer, start: number, end: number): string {
  const text = message.toString("latin1", start, end);
  if (PLAIN.test(text)) return lowerAscii(text);
  return lowerAscii(text).replace(/[^!-~]|[.\\]/g, (character) =>
    character === "." || character === "\\" ? `\\${character}` : `\\${String(character.charCodeAt(0)).padStart(3, "0")}`);
}

/** RFC 4343: only the letters of US-ASCII have a case. */
export function lowerAscii(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
