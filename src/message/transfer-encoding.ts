/** Content-Transfer-Encoding (RFC 2045 section 6), read leniently, written strictly. */
import { CR, LF, SPACE, TAB, lineEndAfter } from "./octets.ts";

const EQUALS = 61;
/** RFC 2045 section 6.7 and 6.8: characters of an encoded line. */
const LINE_MAX = 76;

/** base64, quoted-printable, x-uuencode; any other encoding gives the same octets. Octets that fit no encoding are skipped or kept. */
export function decodeTransferEncoding(bytes: Buffer, encoding: string): Buffer {
  switch (encoding.toLowerCase()) {
    case "base64":
      return decodeBase64(bytes);
    case "quoted-printable":
      return decodeQuotedPrintable(bytes);
    case "x-uuencode":
    case "x-uue":
    case "uuencode":
      return decodeUuencode(bytes);
    default:
      return bytes;
  }
}

const BASE64 = new Int8Array(256).fill(-1);
for (const [value, char] of [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"].entries()) BASE64[char.charCodeAt(0)] = value;

/** The platform is quicker, and right for everything but padding in the middle and the characters of base64url, which it takes. */
function decodeBase64(bytes: Buffer): Buffer {
  const text = bytes.toString("latin1");
  const foreign = text.search(/[^A-Za-z0-9+/\s]/);
  const whole = foreign < 0 || /^[=\s]*$/.test(text.slice(foreign));
  return whole ? Buffer.from(text, "base64") : decodeBrokenBase64(bytes);
}

/** Octets outside the alphabet are skipped (RFC 2045 section 6.8). Padding in the middle comes from texts joined after encoding. */
function decodeBrokenBase64(bytes: Buffer): Buffer {
  const out = Buffer.allocUnsafe(bytes.length);
  let length = 0;
  let bits = 0;
  let width = 0;
  for (const octet of bytes) {
    const value = BASE64[octet]!;
    if (octet === EQUALS) width = 0;
    if (value < 0) continue;
    bits = ((bits << 6) | value) & 0xffff;
    width += 6;
    if (width < 8) continue;
    width -= 8;
    out[length++] = bits >> width;
  }
  return out.subarray(0, length);
}

function hexValue(octet: number | undefined): number {
  if (octet === undefined) return -1;
  if (octet >= 48 && octet <= 57) return octet - 48;
  const lower = octet | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

/** RFC 2045 section 6.7: blanks at the end of a line are not part of the text; "=" before anything unexpected stays. */
function decodeQuotedPrintable(bytes: Buffer): Buffer {
  const out = Buffer.allocUnsafe(bytes.length);
  let length = 0;
  /** Behind the last octet that was encoded: blanks before it are meant. */
  let keep = 0;
  for (let i = 0; i < bytes.length; i++) {
    const octet = bytes[i]!;
    if (octet === EQUALS) {
      const high = hexValue(bytes[i + 1]);
      const low = high < 0 ? -1 : hexValue(bytes[i + 2]);
      if (low >= 0) {
        out[length++] = high * 16 + low;
        i += 2;
        keep = length;
        continue;
      }
      const next = softBreakEnd(bytes, i + 1);
      if (next > 0) {
        i = next - 1;
        keep = length;
        continue;
      }
    } else if (octet === LF) {
      const ended = length > keep && out[length - 1] === CR;
      if (ended) length--;
      while (length > keep && isBlank(out[length - 1]!)) length--;
      if (ended) out[length++] = CR;
    }
    out[length++] = octet;
    if (octet === LF) keep = length;
  }
  return out.subarray(0, length);
}

/** Behind the line end that follows at `at`, blanks between; 0 when something else follows. */
function softBreakEnd(bytes: Buffer, at: number): number {
  let i = at;
  while (isBlank(bytes[i] ?? 0)) i++;
  if (bytes[i] === CR) i++;
  if (bytes[i] === LF) return i + 1;
  return i >= bytes.length ? i : 0;
}

function isBlank(octet: number): boolean {
  return octet === SPACE || octet === TAB;
}

/** The lines between "begin" and "end"; without them the octets are returned as they are. */
function decodeUuencode(bytes: Buffer): Buffer {
  let at = bytes.subarray(0, 6).toString("latin1") === "begin " ? 0 : bytes.indexOf("\nbegin ") + 1;
  if (at === 0 && bytes.subarray(0, 6).toString("latin1") !== "begin ") return bytes;
  const out = Buffer.allocUnsafe(bytes.length);
  let length = 0;
  for (at = lineEndAfter(bytes, at, bytes.length); at < bytes.length; ) {
    const next = lineEndAfter(bytes, at, bytes.length);
    const count = (bytes[at]! - 32) & 63;
    if (bytes.subarray(at, at + 3).toString("latin1") === "end" || count === 0) break;
    const value = (i: number): number => (i < next ? (bytes[i]! - 32) & 63 : 0);
    for (let done = 0, i = at + 1; done < count && i < next; done += 3, i += 4) {
      const group = (value(i) << 18) | (value(i + 1) << 12) | (value(i + 2) << 6) | value(i + 3);
      for (let octet = 0; octet < 3 && done + octet < count; octet++) out[length++] = (group >> (16 - octet * 8)) & 255;
    }
    at = next;
  }
  return out.subarray(0, length);
}

/** Base64 in lines of 76 characters, each ended by CRLF. */
export function encodeBase64(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString("base64");
  const lines: string[] = [];
  for (let at = 0; at < text.length; at += LINE_MAX) lines.push(text.slice(at, at + LINE_MAX), "\r\n");
  return lines.join("");
}

/** Quoted-printable of text whose lines end by CRLF; lines of at most 76 characters. */
export function encodeQuotedPrintable(bytes: Uint8Array): string {
  const out: string[] = [];
  let column = 0;
  for (let i = 0; i < bytes.length; i++) {
    const octet = bytes[i]!;
    const atEnd = i + 1 === bytes.length || (bytes[i + 1] === CR && bytes[i + 2] === LF);
    if (octet === CR && bytes[i + 1] === LF) {
      out.push("\r\n");
      column = 0;
      i++;
      continue;
    }
    const plain = (octet > SPACE && octet < 127 && octet !== EQUALS) || ((octet === SPACE || octet === TAB) && !atEnd);
    const piece = plain ? String.fromCharCode(octet) : `=${octet.toString(16).toUpperCase().padStart(2, "0")}`;
    // One column is left for the "=" of a soft break.
    if (column + piece.length > LINE_MAX - (atEnd ? 0 : 1)) {
      out.push("=\r\n");
      column = 0;
    }
    out.push(piece);
    column += piece.length;
  }
  return out.join("");
}
